/**
 * The page that shows the Stately inspector: a frame of stately.ai/inspect, and a script that passes on what comes over
 * the socket. It speaks the way the package's own page does, but to that one origin only.
 */

const STATELY = 'https://stately.ai';

const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Nexus in the Stately inspector</title>
    <link rel="stylesheet" href="/bridge.css" />
    <script type="module" src="/bridge.js"></script>
  </head>
  <body>
    <p id="state" role="status">Waiting for stately.ai. Without a way to it, use /inspector of the gateway.</p>
    <iframe id="inspector" title="Stately inspector" src="${STATELY}/inspect"></iframe>
  </body>
</html>
`;

const STYLE = `html, body { height: 100%; margin: 0; color-scheme: light dark; font: 0.9rem/1.4 system-ui, sans-serif; }
body { display: flex; flex-direction: column; }
p { margin: 0; padding: 0.3rem 0.8rem; }
iframe { flex: 1; border: 0; width: 100%; }
`;

const SCRIPT = `const frame = document.getElementById('inspector');
const state = document.getElementById('state');
let socket = null;
function connect() {
  if (socket !== null) {
    socket.onclose = null;
    socket.close();
  }
  socket = new WebSocket('ws://' + location.host + '/');
  socket.onopen = () => { state.textContent = 'Live. Nothing here reaches back into the gateway.'; };
  socket.onmessage = ({ data }) => frame.contentWindow.postMessage(JSON.parse(data), '${STATELY}');
  socket.onclose = () => {
    state.textContent = 'The gateway is gone; trying again.';
    setTimeout(connect, 2000);
  };
}
// The frame asks for news whenever it was loaded, and a new socket begins with every definition.
addEventListener('message', ({ source, origin, data }) => {
  if (source !== frame.contentWindow || origin !== '${STATELY}') return;
  if (data?.type === '@statelyai.connected') connect();
});
`;

interface PageFile {
  readonly type: string;
  readonly body: string;
}

export const STATELY_PAGE: Readonly<Record<string, PageFile>> = {
  '/': { type: 'text/html; charset=utf-8', body: HTML },
  '/bridge.css': { type: 'text/css; charset=utf-8', body: STYLE },
  '/bridge.js': { type: 'text/javascript; charset=utf-8', body: SCRIPT },
};

/** @param host `127.0.0.1:8001`, as the browser asked for it. */
export function statelyPageHeaders(host: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': `default-src 'none'; script-src 'self'; style-src 'self'; connect-src ws://${host}; frame-src ${STATELY}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  };
}
