/** Durations as people write them. */
import { UsageFailure } from './failure.ts';

const SECONDS_OF: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
};

/** `90s`, `5m`, `2h`, `1d`, `1w`, or several at once (`1d12h`) as seconds. Throws `UsageFailure`. */
export function parseDurationSeconds(text: string, flag: string): number {
  if (!/^(?:\d+(?:\.\d+)?[smhdw])+$/.test(text)) {
    throw new UsageFailure(`--${flag} must be a duration such as 30s, 5m, 2h or 1d, not '${text}'`);
  }
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)([smhdw])/g))
    seconds += Number(amount) * (SECONDS_OF[unit ?? ''] ?? 0);
  return seconds;
}

/** A length of time in words: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
