/** Things that come and go by the thousand, and are only ever looked at all together. */

/** Where an item stands; give it back to remove the item. */
export interface Place<Item> {
  readonly item: Item;
  index: number;
}

/**
 * An array in which the last item takes the place of one that leaves. Not a `Set`, a `Map` or the listeners of an
 * `AbortSignal`: V8 links each outgrown table to its successor, and Node each removed listener to the one after it. One
 * dead link in old space then keeps alive whatever came later until the next full collection: each request survived
 * with its headers, bodies and sockets, and a third of the garbage collector's work was to copy them.
 */
export class Roster<Item> {
  readonly #places: Place<Item>[] = [];

  get size(): number {
    return this.#places.length;
  }

  add(item: Item): Place<Item> {
    const place = { item, index: this.#places.length };
    this.#places.push(place);
    return place;
  }

  /** Does nothing for a place that was given back before. */
  remove(place: Place<Item>): void {
    if (this.#places[place.index] !== place) return;
    const last = this.#places.pop();
    if (last === undefined || last === place) return;
    last.index = place.index;
    this.#places[place.index] = last;
  }

  /** The items of this moment, in no order. */
  items(): readonly Item[] {
    return this.#places.map(({ item }) => item);
  }
}
