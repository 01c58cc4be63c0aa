/** Who looks into the actor system: the gateway's own inspector page, and the Stately inspector where it is asked for. */
import type { InspectionEvent } from 'xstate';
import type { ActorJournal } from '../core/inspection.ts';
import type { Log } from '../core/log.ts';
import { createActorJournal } from './actor-journal.ts';
import type { StatelyBridge } from './stately-bridge.ts';

interface InspectionOptions {
  /** Stamps what the journal writes. */
  readonly now: () => number;
  readonly log: Log;
  /** Serve the inspector page. */
  readonly page: boolean;
  /** Open the bridge to the Stately inspector. */
  readonly stately: boolean;
}

export interface Inspection {
  /** For the actor system; undefined when nobody will look, and then it costs nothing. */
  readonly inspect: ((event: InspectionEvent) => void) | undefined;
  /** Null when the page is not served. */
  readonly journal: ActorJournal | null;
  /** Opens the bridge near a port; resolves with its URL, or with null when it is off or can not be opened. */
  openStately(port: number): Promise<string | null>;
  close(): Promise<void>;
}

/** The package behind the bridge is loaded only where the bridge is wanted. */
async function createBridge(log: Log): Promise<StatelyBridge> {
  const { createStatelyBridge } = await import('./stately-bridge.ts');
  return createStatelyBridge(log);
}

export async function startInspection(options: InspectionOptions): Promise<Inspection> {
  const { now, log } = options;
  const journal = options.page ? createActorJournal(now) : null;
  const bridge = options.stately ? await createBridge(log) : null;
  const both = (event: InspectionEvent): void => {
    journal?.inspect(event);
    bridge?.inspect(event);
  };
  return {
    inspect: journal === null && bridge === null ? undefined : both,
    journal,
    async openStately(port) {
      try {
        return (await bridge?.listen(port)) ?? null;
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        log.warn('the bridge to the Stately inspector can not be opened', { error });
        return null;
      }
    },
    close: async () => bridge?.close(),
  };
}
