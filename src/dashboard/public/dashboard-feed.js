/**
 * Reads the stream of frames. `EventSource` can not send a key, so the stream is read with `fetch`.
 *
 * @param {object} on
 * @param {(view: object) => void} on.view a frame came
 * @param {(state: 'live' | 'waiting' | 'locked') => void} on.state how the connection stands
 * @param {() => string | null} on.key the key to send, null for none
 * @returns {() => void} tries again at once
 */
export function openFeed(on) {
  let retry = null;
  let isRunning = false;
  let waitMs = 0;

  async function run() {
    if (isRunning) return;
    isRunning = true;
    retry = null;
    const state = await readOnce(on, () => {
      waitMs = 0;
    }).catch(() => 'waiting');
    isRunning = false;
    on.state(state);
    if (state === 'locked') return;
    waitMs = Math.min(Math.max(1000, waitMs * 2), 15000);
    retry = setTimeout(() => void run(), waitMs);
  }

  function again() {
    if (retry !== null) clearTimeout(retry);
    void run();
  }

  // A page that was asleep should not show an old picture for another quarter of a minute.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && retry !== null) again();
  });
  void run();
  return again;
}

async function readOnce(on, opened) {
  const key = on.key();
  const response = await fetch('/dashboard/events', {
    headers: key === null ? {} : { Authorization: `Bearer ${key}` },
    cache: 'no-store',
  });
  if (response.status === 401) return 'locked';
  if (!response.ok || response.body === null) return 'waiting';
  on.state('live');
  opened();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return 'waiting';
    const frames = (rest + value).split('\n\n');
    rest = frames.pop();
    for (const frame of frames) {
      const data = frame.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) on.view(JSON.parse(data.slice(6)));
    }
  }
}
