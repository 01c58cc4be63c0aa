/** What `nexus simulate --json` prints, as far as its shape is known to tests. */
type Fields = Readonly<Record<string, unknown>>;

interface Outcome {
  readonly months: readonly Fields[];
  readonly total: Fields;
  readonly config?: string;
}

export interface SimulatedMonths extends Outcome {
  readonly compare?: Outcome;
}

/** Throws when the text is anything but one JSON object with months and a total. */
export function readMonths(stdout: string): SimulatedMonths {
  const value = JSON.parse(stdout) as SimulatedMonths;
  if (!Array.isArray(value.months) || typeof value.total !== 'object')
    throw new Error(`no months and no total: ${stdout}`);
  return value;
}
