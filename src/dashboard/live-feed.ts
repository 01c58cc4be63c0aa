/** Frames for open dashboards, as server-sent events. A frame is the whole view, so one that was missed heals itself. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { GatewayError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/** A burst of changes makes one frame. The delay also keeps the work away from the request that made the change. */
const GATHER_MS = 100;
/** Frames without a change: what is held and how long things take moves on without an event. */
const IDLE_MS = 2_000;
const MOST_VIEWERS = 32;

export interface FeedSources {
  /** The whole of what a page shows, at this moment. */
  readonly view: () => object;
  /** Calls the listener after anything that the view shows may have changed. Returns the way to stop that. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly clock: Pick<Clock, 'setTimeout' | 'clearTimeout'>;
  readonly log: Pick<Log, 'error'>;
}

/** Costs nothing while nobody looks. */
export class LiveFeed {
  readonly #sources: FeedSources;
  readonly #viewers = new Set<ServerResponse>();
  #unsubscribe: (() => void) | null = null;
  #timer: unknown = null;
  #isSoon = false;

  constructor(sources: FeedSources) {
    this.#sources = sources;
  }

  /** Answers with a stream of frames. Throws `overloaded` when too many look already. */
  add(response: ServerResponse): void {
    if (this.#viewers.size >= MOST_VIEWERS) {
      throw new GatewayError(
        'overloaded',
        `${MOST_VIEWERS} dashboards are open, the most that there can be. Close one and load this one again.`,
        { retryAfterSeconds: 10 },
      );
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Proxies that buffer would hold the frames back.
      'X-Accel-Buffering': 'no',
    });
    // Asked for the head alone, there is nothing to wait for.
    if (response.req.method === 'HEAD') {
      response.end();
      return;
    }
    this.#viewers.add(response);
    response.on('close', () => this.#remove(response));
    this.#unsubscribe ??= this.#sources.subscribe(() => this.#changed());
    this.#send([response]);
    this.#arm(IDLE_MS);
  }

  /** Ends every stream. A shutdown would otherwise wait for them. */
  close(): void {
    for (const viewer of this.#viewers) {
      viewer.end();
      this.#remove(viewer);
    }
  }

  #remove(response: ServerResponse): void {
    this.#viewers.delete(response);
    if (this.#viewers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#disarm();
  }

  #changed(): void {
    if (this.#isSoon) return;
    this.#disarm();
    this.#arm(GATHER_MS);
    this.#isSoon = true;
  }

  #arm(delayMs: number): void {
    this.#timer ??= this.#sources.clock.setTimeout(() => {
      this.#timer = null;
      this.#isSoon = false;
      this.#send([...this.#viewers]);
      if (this.#viewers.size > 0) this.#arm(IDLE_MS);
    }, delayMs);
  }

  #disarm(): void {
    if (this.#timer !== null) this.#sources.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#isSoon = false;
  }

  #send(viewers: readonly ServerResponse[]): void {
    const frame = this.#frame();
    if (frame === null) return this.close();
    for (const viewer of viewers) {
      // One that reads slowly gets a later frame instead of a queue of old ones.
      if (!viewer.writableNeedDrain) viewer.write(frame);
    }
  }

  /** A view that can not be made is a fault of ours; it ends the streams, not the gateway. */
  #frame(): string | null {
    try {
      return `event: view\ndata: ${JSON.stringify(this.#sources.view())}\n\n`;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#sources.log.error('the view of the dashboard can not be made', { error });
      return null;
    }
  }
}
