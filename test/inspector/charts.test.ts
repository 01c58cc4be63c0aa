import { describe, expect, it } from '@jest/globals';
import type { AnyStateMachine } from 'xstate';
import { backendHealthMachine } from '../../machines/backend-health.machine.ts';
import { budgetReconcilerMachine } from '../../machines/budget-reconciler.machine.ts';
import { monthClockMachine } from '../../machines/month-clock.machine.ts';
import { nexusMachine } from '../../machines/nexus.machine.ts';
import { schedulerReconcilerMachine } from '../../machines/scheduler-reconciler.machine.ts';
import { pageModule } from '../support/inspector-page.ts';
import type { Json } from '../support/test-gateway.ts';

const { chartModel } = await pageModule('chart-model');
const { BOX, layoutOf } = await pageModule('chart-layout');
const words = await pageModule('words');

const MACHINES: readonly (readonly [string, AnyStateMachine])[] = [
  ['nexus', nexusMachine],
  ['budget-reconciler', budgetReconcilerMachine],
  ['scheduler-reconciler', schedulerReconcilerMachine],
  ['backend-health', backendHealthMachine],
  ['month-clock', monthClockMachine],
];

function statePaths(states: object, above = ''): readonly string[] {
  return Object.entries(states).flatMap(([name, { states: inner = {} }]) => [
    above + name,
    ...statePaths(inner, `${above}${name}.`),
  ]);
}

describe.each(MACHINES)('the drawing of %s', (_id, machine) => {
  const model = chartModel(machine);

  it('shows every state of the chart once', () => {
    const shown = model.drawings.flatMap(({ nodes }: Json) => nodes.map(({ path }: Json) => path));
    const running = machine.root.states['running'];
    const regions = running?.type === 'parallel' ? Object.keys(running.states) : [];
    // A region is the heading of a drawing, not a box in one.
    const boxes = statePaths(machine.config.states ?? {}).filter(
      (path) => !regions.some((region) => path === `running.${region}`),
    );
    expect(shown.toSorted()).toEqual(boxes.toSorted());
  });

  it('has a condition for every guard', () => {
    const shown = JSON.stringify([model.drawings, model.hears]);
    for (const guard of Object.keys(machine.implementations.guards)) expect(shown).toContain(guard);
  });

  it('keeps boxes, arrows and numbers within the picture and apart from one another', () => {
    for (const drawing of model.drawings) {
      const { width, height, boxes, arrows } = layoutOf(drawing);
      expect(arrows).toHaveLength(drawing.edges.length);
      for (const { x, y } of boxes) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x + BOX.width).toBeLessThanOrEqual(width);
        expect(y + BOX.height).toBeLessThanOrEqual(height);
      }
      for (const [at, { number, path }] of arrows.entries()) {
        expect(path).not.toMatch(/NaN|undefined/);
        expect(number.x).toBeGreaterThan(9);
        expect(number.x).toBeLessThan(width - 9);
        const distances = arrows
          .slice(at + 1)
          .map((other: Json) => Math.hypot(other.number.x - number.x, other.number.y - number.y));
        expect(Math.min(...distances)).toBeGreaterThan(18);
      }
    }
  });
});

describe('the arrows', () => {
  it('of the budget are those of its levels, with every way to the hard limit', () => {
    const [drawing] = chartModel(budgetReconcilerMachine).drawings;
    const edges = drawing.edges.map(({ from, to, conditions }: Json) => [
      `${from} ${to}`,
      conditions.map(({ guard }: Json) => guard),
    ]);
    expect(Object.fromEntries(edges)).toMatchObject({
      'normal hardLimit': ['spending is at or above the hard limit', 'nothing more fits'],
      'hardLimit normal': ['spending is below both limits'],
      'deriving normal': [null],
    });
    expect(edges).toHaveLength(9);
  });

  it('lead out of a region to where it ends, and from each state on what all of them hear', () => {
    const { drawings } = chartModel(nexusMachine);
    const edgesOf = (path: string): readonly string[] =>
      drawings
        .find((drawing: Json) => drawing.path === path)
        .edges.map(({ from, to }: Json) => `${from} ${to}`);
    expect(edgesOf('')).toEqual(['running stopped']);
    expect(edgesOf('running.backendHealth')).toEqual([
      'running.backendHealth.allWatched running.backendHealth.someGivenUp',
    ]);
  });
});

describe('the words of the page', () => {
  it('write money so that nothing is rounded away', () => {
    expect(
      [0, 1, 999_999, 12_345_678_900, 1_234_567_890_000_000, -500_000_000].map(words.money),
    ).toEqual(['$0.00', '$0.000000001', '$0.001', '$12.3457', '$1,234,567.89', '-$0.50']);
  });

  it('never round a share up to a limit', () => {
    expect(words.percent(99.999)).toBe('99.99 %');
    expect(words.percent(75)).toBe('75 %');
  });

  it('name fields by what they are, in the zone of the budget', () => {
    const at = Date.parse('2026-11-30T23:30:00Z');
    expect(words.fieldValue('endsAtMs', at, 'Europe/Berlin')).toBe(
      '1 December 2026, 00:30 Europe/Berlin',
    );
    expect(words.fieldValue('softLimitNano', 75_000_000_000, 'UTC')).toBe('$75.00');
    expect(words.fieldValue('latencyMs', 3.0502, 'UTC')).toBe('3.1 ms');
    expect(words.fieldValue('restartWindowMs', 60_000, 'UTC')).toBe('1 minute');
    expect(words.fieldValue('reason', null, 'UTC')).toBe('none');
    expect(words.fieldName('softLimitNano')).toBe('soft limit');
  });

  it('name states by their innermost parts', () => {
    const state = { running: { lifecycle: 'serving', monthClock: 'up' } };
    expect(words.activePaths(state)).toContain('running.monthClock.up');
    expect(words.shortState(state)).toBe('Serving, Up');
    expect(words.shortState('preferLocal')).toBe('Prefer local');
  });
});
