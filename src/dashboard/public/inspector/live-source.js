/**
 * Views of the running gateway as they come. `EventSource` can not send a key, so the stream is read with `fetch`. It is
 * open only while this page shows it: the gateway writes nothing down for nobody.
 */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;

async function readViews(key, signal, on) {
  const response = await fetch('/inspector/events', {
    headers: key === null ? {} : { Authorization: `Bearer ${key}` },
    cache: 'no-store',
    signal,
  });
  if (response.status === 401) return 'locked';
  if (!response.ok || response.body === null) return 'waiting';
  on.state('live');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return 'waiting';
    const frames = (rest + value).split('\n\n');
    rest = frames.pop();
    for (const frame of frames) {
      const data = frame.split('\n').find((line) => line.startsWith('data: '));
      if (data !== undefined) on.view(JSON.parse(data.slice('data: '.length)));
    }
  }
}

/**
 * @param {{view: (view: object) => void, state: (state: 'live' | 'waiting' | 'locked') => void, key: () => string | null}} on
 * @returns {() => void} ends it
 */
export function openLive(on) {
  const end = new AbortController();
  let retry;
  let waitMs = FIRST_WAIT_MS;
  const run = async () => {
    const state = await readViews(on.key(), end.signal, {
      ...on,
      view(view) {
        waitMs = FIRST_WAIT_MS;
        on.view(view);
      },
    }).catch(() => 'waiting');
    if (end.signal.aborted) return;
    on.state(state);
    if (state === 'locked') return;
    retry = setTimeout(() => void run(), waitMs);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  };
  void run();
  return () => {
    end.abort();
    clearTimeout(retry);
  };
}
