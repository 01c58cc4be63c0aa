/** Ways of writing a raw answer to a socket, rightly or not. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Socket } from 'node:net';

/** Writes one answer to the socket. What it does after that is its own affair. */
export type Answer = (socket: Socket, isStream: boolean) => Promise<void> | void;

export function head(status: string, headers: readonly string[]): string {
  return [`HTTP/1.1 ${status}`, ...headers, '', ''].join('\r\n');
}

/** A whole answer with a length. */
export function whole(
  status: string,
  type: string,
  body: string | Buffer,
  ...more: string[]
): Buffer {
  const bytes = Buffer.from(body as string);
  const headers = [`Content-Type: ${type}`, `Content-Length: ${bytes.length}`, ...more];
  return Buffer.concat([Buffer.from(head(status, headers), 'latin1'), bytes]);
}

export const jsonAnswer =
  (body: string | Buffer, ...more: string[]): Answer =>
  (socket) => {
    socket.write(whole('200 OK', 'application/json', body, ...more));
  };

export const statusAnswer =
  (status: string, body = '{"error":{"message":"no","type":"x"}}'): Answer =>
  (socket) => {
    socket.write(whole(status, 'application/json', body));
  };

export const rawAnswer =
  (text: string): Answer =>
  (socket) => {
    socket.write(Buffer.from(text, 'latin1'));
  };

export const SSE_HEAD = head('200 OK', ['Content-Type: text/event-stream', 'Connection: close']);

/** A stream that ends with the connection. */
export const stream =
  (...parts: (string | Buffer)[]): Answer =>
  async (socket) => {
    socket.write(SSE_HEAD);
    for (const part of parts) {
      if (!socket.write(part)) await room(socket);
    }
    socket.end();
  };

/** Resolves when more can be written, or nobody is there any more. */
export async function room(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}

/** Writes the same piece until the other side hangs up. */
export const endless =
  (first: string | Buffer, piece: Buffer): Answer =>
  async (socket) => {
    socket.write(first);
    while (!socket.destroyed) if (!socket.write(piece)) await room(socket);
  };

/** Byte by byte: every character and every line end is cut somewhere. */
export const byteByByte =
  (text: string): Answer =>
  async (socket) => {
    socket.write(SSE_HEAD);
    for (const byte of Buffer.from(text)) {
      if (socket.destroyed) return;
      socket.write(Buffer.from([byte]));
      await delay(0);
    }
    socket.end();
  };

export const CHUNKED = head('200 OK', [
  'Content-Type: application/json',
  'Transfer-Encoding: chunked',
]);
