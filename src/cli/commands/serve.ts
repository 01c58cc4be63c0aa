import type { Settings } from '../../core/settings.ts';
import { startGateway, type Gateway } from '../../main.ts';
import { command } from '../command.ts';
import { keepCompiledCode } from '../compiled-code.ts';
import type { Flags } from '../flags.ts';
import { loadSettings } from '../load-settings.ts';
import { CONFIG_FLAG } from '../shared-flags.ts';
import { aborted, listenForStop, onHangUp } from '../stop-signal.ts';

/** The flags that set a key of the config. */
function overrides(
  flags: Flags<'host' | 'port' | 'workers' | 'log-level' | 'log-format' | 'ledger'>,
): Readonly<Record<string, string | number>> {
  const given = {
    'server.host': flags.text('host'),
    'server.port': flags.whole('port', 0, 65_535),
    'server.workers': flags.whole('workers', 1, 128),
    'logging.level': flags.oneOf('log-level', ['error', 'warn', 'info', 'debug']),
    'logging.format': flags.oneOf('log-format', ['pretty', 'json']),
    'ledger.path': flags.text('ledger'),
  };
  const set: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(given)) if (value !== undefined) set[key] = value;
  return set;
}

/** The log says at its level `info` what runs. A person at the terminal is told also where that is not seen there. */
function isSilent({ level, file }: Settings['logging']): boolean {
  return file !== null || level === 'error' || level === 'warn';
}

export const serve = command({
  synopsis: '[options]',
  about:
    'Starts the gateway. Without a config it runs on defaults, without a budget, with Ollama where it runs and with every provider whose key is in the environment. SIGTERM or Ctrl-C stops it in order: requests in flight end, every hold is settled or carried over, the ledger is flushed. A second one ends it at once. Prices follow the config file while it runs; SIGHUP reads it again at once.',
  flags: {
    ...CONFIG_FLAG,
    host: { value: 'HOST', help: 'Address to listen on.' },
    port: { value: 'PORT', help: 'Port to listen on; 0 takes a free one.' },
    workers: { value: 'N', help: 'Processes that share the port and one budget; 1 by default.' },
    'log-level': { value: 'LEVEL', help: 'error, warn, info or debug.' },
    'log-format': { value: 'FORMAT', help: 'pretty or json.' },
    ledger: { value: 'PATH', help: 'SQLite file of the ledger.' },
    inspect: {
      help: 'Show the running statecharts to the Stately inspector, on this machine only; the URL is printed.',
    },
  },
  examples: [
    'nexus serve',
    'nexus serve --config nexus.toml --port 8080 --log-format json',
    'nexus serve --workers 4',
  ],
  async run(flags, session) {
    const { settings, source, warnings } = await loadSettings(
      flags.text('config'),
      session,
      overrides(flags),
    );
    // Heard from before the start on, so that a stop during it is not lost.
    const signal = listenForStop();
    const stately = flags.isSet('inspect');
    const { version } = session;
    let started: Gateway | null = null;
    onHangUp(() => started?.reload());
    const gateway = await startGateway({ settings, version, source, warnings, stately });
    keepCompiledCode();
    started = gateway;
    if (isSilent(settings.logging)) await session.err.line(gateway.summary.join('\n'));
    await aborted(signal);
    await gateway.stop();
    // A connection that came in while the last worker left the port is in nobody's hands, and Node would wait for it.
    if (settings.server.workers > 1) process.exit(0);
    return 0;
  },
});
