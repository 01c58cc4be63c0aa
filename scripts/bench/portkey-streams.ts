/**
 * Loaded into the peer before its own code. With the web server that npm resolves for it today (@hono/node-server
 * 1.19.19), it answers every stream with 500, because it appends to headers that `fetch` has locked. A copy of the
 * head of a stream is not locked; whole answers are left as they are.
 */
const open = globalThis.fetch;
const { Response, Headers } = globalThis;

globalThis.fetch = async (...args) => {
  const answer = await open(...args);
  const { status, statusText, headers, body } = answer;
  if (headers.get('content-type')?.startsWith('text/event-stream') !== true) return answer;
  return new Response(body, { status, statusText, headers: new Headers(headers) });
};
