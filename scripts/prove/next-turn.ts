/** Turns of the event loop, cheaply. */

/** Each trip round the event loop asks the operating system for news; so many turns are taken in one trip. */
const TURNS_IN_TRIP = 64;

let resume: (() => void) | null = null;
let left = 0;

/** Between two callbacks of one trip Node runs everything that promises have made runnable, which is what a turn is for. */
function turn(): void {
  left -= 1;
  const resolve = resume;
  resume = null;
  resolve?.();
}

/** Resolves when everything that is runnable has run. Only one may wait at a time. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    resume = resolve;
    if (left > 0) return;
    left = TURNS_IN_TRIP;
    for (let at = 0; at < TURNS_IN_TRIP; at += 1) setImmediate(turn);
  });
}
