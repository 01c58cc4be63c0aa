/** Small PDF files in the shapes that writers of PDF produce. No reader would draw them; their structure is real. */
import { deflateSync } from 'node:zlib';

const HEAD = '%PDF-1.7\n';
const CATALOG = '1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n';

function pageObject(number: number): string {
  return `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${number + 1000} 0 R >>`;
}

function pageList(pages: number): string[] {
  return Array.from({ length: pages }, (_, at) => pageObject(at + 3));
}

function base64(...parts: readonly (string | Buffer)[]): string {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
  ).toString('base64');
}

/** Every object in the open, as older writers have it. */
export function openPdf(pages: number, padding = 0): string {
  const tree = `2 0 obj\n<< /Type /Pages /Kids [] /Count ${pages} >>\nendobj\n`;
  const objects = pageList(pages).map((page, at) => `${at + 3} 0 obj\n${page}\nendobj\n`);
  return base64(HEAD, CATALOG, tree, objects.join(''), Buffer.alloc(padding), '%%EOF\n');
}

/** One packed object stream, as newer writers have it. */
export function objectStream(body: string | Buffer, isPacked = true): Buffer {
  const data = isPacked ? deflateSync(body) : Buffer.from(body);
  const head = `9 0 obj\n<< /Type /ObjStm /N 3 /First 20 /Filter /FlateDecode /Length ${data.length} >>\nstream\r\n`;
  return Buffer.concat([Buffer.from(head), data, Buffer.from('\nendstream\nendobj\n')]);
}

/** Pages and their tree inside packed object streams. */
export function packedPdf(pages: number): string {
  const tree = `<</Count ${pages}/Kids[]/Type/Pages>>`;
  return base64(HEAD, CATALOG, objectStream(`${tree} ${pageList(pages).join(' ')}`), '%%EOF\n');
}

/** Anything behind the head of a PDF. */
export function pdfOf(...parts: readonly (string | Buffer)[]): string {
  return base64(HEAD, ...parts);
}
