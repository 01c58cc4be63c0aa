/** A programmer error: state that the code promised can not occur. Never thrown for bad input from outside. */
class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure';
}

/** Throws `AssertionFailure` when `condition` is false. For promises of the code, not for input from outside. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message);
}

/** Closes a `switch` over a union: a new member becomes a compile error here instead of a silent default. */
export function unreachable(value: never): never {
  throw new AssertionFailure(`unexpected value: ${JSON.stringify(value)}`);
}
