/** The thread that counts long prompts. Started by `counting-pool.ts` as a worker; takes one job at a time. */
import { parentPort } from 'node:worker_threads';
import { countInPieces } from './count-in-pieces.ts';
import type { CountingAnswer, CountingJob, CountingNews } from './counting-job.ts';
import { loadEncoding, type CountTokens, type EncodingName } from './encodings.ts';

const loaded = new Map<EncodingName, CountTokens>();

function tell(news: CountingNews): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port has no origin
  parentPort?.postMessage(news);
}

async function answer(job: CountingJob): Promise<CountingAnswer> {
  const deadline = performance.now() + job.budgetMs;
  const isTimeUp = (): boolean => performance.now() > deadline;
  const count = loaded.get(job.encoding) ?? (await loadEncoding(job.encoding));
  loaded.set(job.encoding, count);
  tell({ ready: true });
  return job.texts.map((text) => countInPieces(count, text, isTimeUp));
}

parentPort?.on('message', (job: CountingJob) => {
  // A rejection ends the thread; the pool hears of it and answers by a bound.
  void answer(job).then((counted) => tell({ answer: counted }));
});
