/** Bytes that are not HTTP, or that two readers of HTTP could understand in two ways. */
import type { Chance } from '../prove/chance.ts';

/** A request that must never be seen by anybody: it stands where a careless reader finds the next one. */
export const SMUGGLED_PATH = '/v1/smuggled';

const PATH = '/v1/chat/completions';
const SMUGGLED = `POST ${SMUGGLED_PATH} HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n`;

/** Headers that name the length of the body twice or unclearly; `%L` is its true length. */
const AMBIGUOUS: readonly string[] = [
  'Content-Length: %L\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding: chunked\r\nContent-Length: %L',
  'Content-Length: %L\r\nContent-Length: 0',
  'Content-Length: %L\r\nContent-Length: %L',
  'Content-Length: %L, %L',
  'Content-Length: %L, 0',
  'Content-Length: +%L',
  'Content-Length: -1',
  'Content-Length: 0x10',
  'Content-Length: %L ',
  'Content-Length:\t%L',
  'Content-Length : %L',
  'Content-Length: 99999999999999999999999',
  'Content-Length: \x0b%L',
  'Content-Length: ',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer-Encoding: \x00chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: cHuNkEd, ',
  'Transfer-Encoding: gzip, chunked',
  'X: y\nTransfer-Encoding: chunked',
  'X: y\rTransfer-Encoding: chunked',
  'Transfer_Encoding: chunked\r\nContent-Length: %L',
  'Content_Length: 0\r\nContent-Length: %L',
];

/** Chunked bodies that are not; `%B` is a good body. */
const BAD_CHUNKS: readonly string[] = [
  '0x5\r\n%B\r\n0\r\n\r\n',
  '-1\r\n%B\r\n0\r\n\r\n',
  'FFFFFFFFFFFFFFFFF\r\n%B\r\n0\r\n\r\n',
  ' 5\r\nhello\r\n0\r\n\r\n',
  '5 \r\nhello\r\n0\r\n\r\n',
  '5\nhello\n0\n\n',
  '5\rhello\r0\r\r',
  '5\r\nhelloX\r\n0\r\n\r\n',
  '5;\n\r\nhello\r\n0\r\n\r\n',
  '5\r\nhello\r\n0\r\n',
  '\r\n\r\n',
  'zz\r\n',
  `5;${'e'.repeat(40_000)}\r\nhello\r\n0\r\n\r\n`,
  `0\r\n${'T: t\r\n'.repeat(20_000)}\r\n`,
];

/** Heads that are none; each comes before `Content-Length` and the body. */
const BAD_HEADS: readonly string[] = [
  `POST ${PATH}\r\n`,
  `POST ${PATH} HTTP/9.9\r\nHost: gateway\r\n`,
  `POST  ${PATH}  HTTP/1.1\r\nHost: gateway\r\n`,
  `POST ${PATH} HTTP/1.1\nHost: gateway\n`,
  `POST ${PATH} HTTP/1.1\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nHost: other\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nno colon here\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\n: nameless\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nX: a\x00b\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nX: a\rX-Injected: b\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nX: a\r\n folded\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nX\x01: a\r\n`,
  `POST ${PATH}\r\nX: HTTP/1.1\r\nHost: gateway\r\n`,
  `POST /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: gateway\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nX: ${'v'.repeat(70_000)}\r\n`,
  `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\n${'A: b\r\n'.repeat(15_000)}`,
  ` POST ${PATH} HTTP/1.1\r\nHost: gateway\r\n`,
  `\r\n\r\n\r\nPOST ${PATH} HTTP/1.1\r\nHost: gateway\r\n`,
  `POST ${PATH} HTTP/1.1 \r\nHost: gateway\r\n`,
  `POST ${PATH} HTTP/1.0\r\nConnection: keep-alive\r\n`,
];

const NOT_HTTP: readonly Buffer[] = [
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
  Buffer.from('GET /livez\r\n\r\n'),
  Buffer.from('\0'.repeat(1000)),
  Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'),
  Buffer.from('*1\r\n$4\r\nPING\r\n'),
  Buffer.from(''),
];

export interface Malformed {
  readonly label: string;
  readonly bytes: Buffer;
}

/** A request whose length can be understood in two ways, and one to be smuggled behind it. */
export function ambiguousRequests(body: Buffer): readonly Malformed[] {
  const length = String(body.length);
  const inChunks = Buffer.concat([
    Buffer.from(`${body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
  return AMBIGUOUS.flatMap((framing) =>
    [body, inChunks].map((payload) => {
      const head = `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\n${framing.replaceAll('%L', length)}\r\n\r\n`;
      const bytes = Buffer.concat([Buffer.from(head, 'latin1'), payload, Buffer.from(SMUGGLED)]);
      return { label: JSON.stringify(framing), bytes };
    }),
  );
}

function badChunks(body: Buffer): readonly Malformed[] {
  const head = `POST ${PATH} HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n`;
  return BAD_CHUNKS.map((chunks) => ({
    label: JSON.stringify(chunks.slice(0, 30)),
    bytes: Buffer.from(head + chunks.replace('%B', body.toString('latin1')) + SMUGGLED, 'latin1'),
  }));
}

function badHeads(body: Buffer): readonly Malformed[] {
  return BAD_HEADS.map((head) => ({
    label: JSON.stringify(head.slice(0, 60)),
    bytes: Buffer.concat([
      Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`, 'latin1'),
      body,
    ]),
  }));
}

/** Everything above around one good body, and noise. */
export function malformedBytes(body: Buffer, chance: Chance): Malformed {
  const noise = NOT_HTTP.map((bytes, at) => ({ label: `noise ${at}`, bytes }));
  const all = [...ambiguousRequests(body), ...badChunks(body), ...badHeads(body), ...noise];
  const one = all[chance.below(all.length)];
  if (one === undefined) throw new Error('no malformed request to choose from');
  return one;
}
