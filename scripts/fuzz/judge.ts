/** Says what is wrong with an outcome. */
import { ERRORS, type ErrorCode } from '../../src/core/errors.ts';
import { headerOf, type HttpAnswer } from './answer-parser.ts';
import type { FuzzCase } from './cases.ts';
import type { Outcome } from './exchange.ts';

/** Statuses that Node's own parser answers with, before anybody else has seen the request. */
const PARSER_STATUSES: readonly number[] = [400, 408, 413, 431];

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What is wrong with the body of an error that the gateway made itself. */
function faultsOfError({ status, body }: HttpAnswer): readonly string[] {
  const document = parsed(body);
  if (!isObject(document) || !isObject(document['error']))
    return [`status ${status} without an error: ${body.toString('utf8', 0, 120)}`];
  const { message, type, param, code } = document['error'];
  const faults: string[] = [];
  if (typeof message !== 'string' || message === '') faults.push('an error without a message');
  if (typeof type !== 'string') faults.push('an error without a type');
  // The dialect of Anthropic's clients has neither `param` nor `code`.
  if (document['type'] === 'error' && code === undefined) return faults;
  if (param !== null && typeof param !== 'string')
    faults.push(`a param of ${JSON.stringify(param)}`);
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code))
    return [...faults, `the code ${String(code)}`];
  const known = ERRORS[code as ErrorCode].status;
  const isParsers = code === 'invalid_request_error' && PARSER_STATUSES.includes(status);
  if (known !== status && !isParsers) faults.push(`${code} with status ${status}`);
  if (code === 'internal_error') faults.push(`internal_error: ${body.toString('utf8', 0, 300)}`);
  return faults;
}

function faultsOfAnswer(answer: HttpAnswer, method: string, left: boolean): readonly string[] {
  const { status, isWhole, headers } = answer;
  const backend = headerOf(answer, 'x-nexus-backend');
  const faults: string[] = [];
  if (status > 599) faults.push(`status ${status}`);
  // Half an answer is right only where half an answer came.
  if (!isWhole && !left && backend === undefined) faults.push(`half an answer of ${status}`);
  if (headers.has('set-cookie')) faults.push('a cookie of a backend');
  const isParsers = PARSER_STATUSES.includes(status) && headerOf(answer, 'connection') === 'close';
  if (!headers.has('x-nexus-request-id') && !isParsers) faults.push(`no request id on a ${status}`);
  if (method === 'HEAD' || !isWhole) return faults;
  if (backend !== undefined && status !== 500) return faults;
  if (status >= 400) return [...faults, ...faultsOfError(answer)];
  const type = headerOf(answer, 'content-type') ?? '';
  if (type.startsWith('application/json') && parsed(answer.body) === undefined)
    faults.push(`${status} with JSON that is none`);
  return faults;
}

/** Node refuses a request without a host before anybody is asked. It is not HTTP/1.1, and so it may be refused like this. */
function isBare({ status, bodyBytes }: HttpAnswer): boolean {
  return status === 400 && bodyBytes === 0;
}

/** True when the gateway said that it would take no more requests on this connection. */
function saidClose(answers: readonly HttpAnswer[]): boolean {
  const last = answers.at(-1);
  return last !== undefined && headerOf(last, 'connection') === 'close';
}

/** Everything that is wrong, in words; empty when all is well. */
export function faultsOf({ expects, script }: FuzzCase, outcome: Outcome): readonly string[] {
  const { answers, malformed, hung, left } = outcome;
  // Node ends a connection of which the client has ended its half.
  const hasLeft = left || script.steps.some((step) => 'halfClose' in step);
  const faults = answers
    .filter((answer) => expects === 'answered' || !isBare(answer))
    .flatMap((answer, at) => faultsOfAnswer(answer, script.methods[at] ?? 'GET', hasLeft));
  if (malformed !== null) faults.push(`an answer that is not HTTP: ${malformed}`);
  if (hung && expects !== 'none') faults.push(`silence after ${answers.length} answers`);
  const missing = script.methods.length - answers.length;
  if (expects === 'answered' && missing > 0 && !hung && !left && !saidClose(answers))
    faults.push(`${missing} of ${script.methods.length} requests have no answer`);
  return faults;
}
