/** Something did not work. Shown as one line on standard error; the command ends with 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** The command was written wrongly. Shown as one line on standard error; the command ends with 2. */
export class UsageFailure extends Error {
  override readonly name = 'UsageFailure';
}
