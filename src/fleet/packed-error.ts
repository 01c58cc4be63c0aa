/** Errors and log lines on their way between processes: `JSON.stringify` makes `{}` of an Error. */
import type { LogFields } from '../core/log.ts';
import type { PackedError, PackedLine } from './messages.ts';

const MAX_CAUSES = 4;

export function packError(error: Error, depth = 0): PackedError {
  const { name, message, stack = null, cause } = error;
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    name,
    message,
    stack,
    code: typeof code === 'string' ? code : null,
    cause: cause instanceof Error && depth < MAX_CAUSES ? packError(cause, depth + 1) : null,
  };
}

export function unpackError({ name, message, stack, code, cause }: PackedError): Error {
  const error = new Error(message, cause === null ? undefined : { cause: unpackError(cause) });
  error.name = name;
  if (stack !== null) error.stack = stack;
  return code === null ? error : Object.assign(error, { code });
}

export function packLine(
  level: PackedLine['level'],
  message: string,
  fields: LogFields = {},
): PackedLine {
  const plain: Record<string, string | number | boolean | null> = {};
  const errors: Record<string, PackedError> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) errors[name] = packError(value);
    else if (value !== undefined) plain[name] = value;
  }
  return { level, message, fields: plain, errors };
}

export function fieldsOf({ fields, errors }: PackedLine): LogFields {
  const unpacked = Object.entries(errors).map(([name, error]) => [name, unpackError(error)]);
  return { ...fields, ...Object.fromEntries(unpacked) };
}
