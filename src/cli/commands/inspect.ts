import { spawn } from 'node:child_process';
import { serveInspector } from '../../main.ts';
import { command } from '../command.ts';
import { aborted, listenForStop } from '../stop-signal.ts';

const OPENERS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
  linux: ['xdg-open'],
};

/** Asks the desktop to show the page. Where there is none, the printed URL has to do. */
function openBrowser(url: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', () => undefined);
  child.unref();
}

export const inspect = command({
  synopsis: '[--port PORT] [--open]',
  about:
    'Serves the inspector page on this machine, without a gateway: the statecharts of the control plane, drawn, with the real guards, to be played with. Spend money, let months pass, take backends down, step back and forth, and see why a request would be refused. Nothing is sent anywhere. A running gateway serves the same page at /inspector, and shows itself there.',
  flags: {
    port: { value: 'PORT', help: 'Port to listen on; a free one when it is left out.' },
    open: { help: 'Open the page in the browser.' },
  },
  examples: ['nexus inspect --open', 'nexus inspect --port 8090'],
  async run(flags, session) {
    const port = flags.whole('port', 0, 65_535) ?? 0;
    const signal = listenForStop();
    const listener = await serveInspector(session.version, port);
    const url = `${listener.url}/inspector`;
    await session.out.line(url);
    await session.err.line('The page is served until Ctrl-C.');
    if (flags.isSet('open')) openBrowser(url);
    await aborted(signal);
    await listener.close();
    return 0;
  },
});
