/** How busy the gateway and each backend are at this moment. Plain counters: read by routing, metrics and admission. */
export class LoadBook {
  #active = 0;
  #turn = 0;
  readonly #pending = new Map<string, number>();

  /** Requests to a model that are in the gateway now. */
  get active(): number {
    return this.#active;
  }

  /** Counts a request in; the returned function counts it out, once however often it is called. */
  enter(): () => void {
    this.#active += 1;
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#active -= 1;
    };
  }

  /** Counts an attempt at a backend in; the returned function counts it out, once however often it is called. */
  begin(backend: string): () => void {
    this.#pending.set(backend, this.pending(backend) + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#pending.set(backend, this.pending(backend) - 1);
    };
  }

  pending(backend: string): number {
    return this.#pending.get(backend) ?? 0;
  }

  /** The next number for round robin. */
  nextTurn(): number {
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    return this.#turn;
  }
}
