/** Traffic as a CSV that can be read again. */
import { COUNT_NAMES } from '../../core/usage-names.ts';
import type { TrafficRequest } from './traffic-request.ts';

/** Parts of the totals, with the names of their columns. */
const PARTS = COUNT_NAMES.filter(([kind]) => kind !== 'input' && kind !== 'output');
const TOTALS = ['time', 'model', 'input_tokens', 'output_tokens'];

function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The header line. `hasParts`: with the columns beyond the four that every traffic file has. */
export function trafficHeader(hasParts: boolean): string {
  const more = hasParts ? [...PARTS.map(([, name]) => name), 'max_tokens'] : [];
  return `${[...TOTALS, ...more].join(',')}\n`;
}

export function trafficLines(requests: readonly TrafficRequest[], hasParts: boolean): string {
  const lines = requests.map(({ atMs, model, usage, maxOutputTokens }) => {
    const totals = [new Date(atMs).toISOString(), cell(model), usage.input, usage.output];
    const more = hasParts
      ? [...PARTS.map(([part]) => usage[part] ?? ''), maxOutputTokens ?? '']
      : [];
    return `${[...totals, ...more].join(',')}\n`;
  });
  return lines.join('');
}
