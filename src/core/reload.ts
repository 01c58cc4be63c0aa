/** What came of reading the configuration again, as the other rooms see it. */
export interface ReloadState {
  /** Whether the last reading was without a fault; after one with a fault the prices of the last good one stay. */
  readonly isSuccessful: boolean;
  /** When the configuration was last read without a fault, Unix milliseconds. */
  readonly succeededAtMs: number;
}
