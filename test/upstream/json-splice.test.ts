/** Members of a JSON object changed in its bytes. */
import {
  assert,
  constantFrom,
  dictionary,
  jsonValue,
  nat,
  oneof,
  property,
  string,
} from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { withMembers } from '../../src/upstream/json-splice.ts';

function spliced(text: string, values: Record<string, unknown>): string {
  return withMembers(Buffer.from(text), values).toString('utf8');
}

describe('a member changed in bytes', () => {
  it.each([
    ['{"model":"a","x":1}', '{"model":"b","x":1}'],
    ['{"x":1,"model":"a"}', '{"x":1,"model":"b"}'],
    ['{ "x" : [ 1 , 2 ] ,\n "model"\t:  "a"  }', '{ "x" : [ 1 , 2 ] ,\n "model"\t:  "b"  }'],
    // Numbers that JavaScript can not hold, and escapes, stay as they were written.
    [
      '{"x":12345678901234567890,"y":1.0,"model":"a"}',
      '{"x":12345678901234567890,"y":1.0,"model":"b"}',
    ],
    ['{"x":"\\u00e9\\/","model":"a"}', '{"x":"\\u00e9\\/","model":"b"}'],
    // The same name deeper down, or in a text, is another member.
    [
      '{"x":{"model":"a"},"y":[{"model":"a"}],"z":"\\"model\\":\\"a\\"","model":"a"}',
      '{"x":{"model":"a"},"y":[{"model":"a"}],"z":"\\"model\\":\\"a\\"","model":"b"}',
    ],
    // Parsers differ in which of two they take, and in nothing when both are changed.
    ['{"model":"a","model":"c"}', '{"model":"b","model":"b"}'],
    ['{"mod\\u0065l":"a"}', '{"mod\\u0065l":"b"}'],
    ['{"model":{"a":[1,{"b":"}"}]},"x":1}', '{"model":"b","x":1}'],
    ['{"model":null}', '{"model":"b"}'],
    ['{"x":1}', '{"x":1}'],
    ['{}', '{}'],
  ])('%s', (before, after) => {
    expect(spliced(before, { model: 'b' })).toBe(after);
  });

  it('changes several at once, to values of any kind', () => {
    expect(spliced('{"a":1,"b":[2],"c":"3"}', { c: null, a: { d: [1] } })).toBe(
      '{"a":{"d":[1]},"b":[2],"c":null}',
    );
  });

  it('means the same as parsing, changing and writing, for any object', () => {
    assert(
      property(
        dictionary(oneof(constantFrom('model', 'max_tokens'), string()), jsonValue()),
        jsonValue(),
        nat(4),
        (object, value, indent) => {
          const changed = spliced(JSON.stringify(object, null, indent), { model: value });
          const expected = 'model' in object ? { ...object, model: value } : object;
          expect(JSON.parse(changed)).toEqual(JSON.parse(JSON.stringify(expected)));
        },
      ),
    );
  });
});
