/** The document and the running app tell the same routes. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestGateway, TWO_BACKENDS, type TestGateway } from '../support/test-gateway.ts';

let nexus: TestGateway;
beforeAll(async () => {
  nexus = await startTestGateway(TWO_BACKENDS);
});
afterAll(() => nexus.stop());

it('describes every route that is served, and serves every route that it describes', async () => {
  const { paths } = (await nexus.getJson('/openapi.json')) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  for (const route of described) {
    const [method = '', path = ''] = route.split(' ');
    const answer = await fetch(nexus.url + path.replace('{model}', 'llama3'), {
      method: method.toUpperCase(),
    });
    const body = (await answer.text()).slice(0, 500);
    // A route that is not served answers with this very message.
    expect(`${route}: ${body}`).not.toContain('Nothing is served at');
  }
  const source = readFileSync(new URL('../../src/http/app.ts', import.meta.url), 'utf8');
  const served = [...source.matchAll(/^ {4}(get|post)\(\s*'([^']+)'/gm)].map(
    ([, method, path = '']) => `${method} ${path.replace('*model', '{model}')}`,
  );
  expect(served.toSorted()).toEqual(described.toSorted());
});
