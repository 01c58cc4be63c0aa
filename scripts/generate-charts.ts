/** The README of `machines/`, drawn and listed from the charts themselves. */
import { readFileSync } from 'node:fs';
import type { AnyStateMachine, AnyTransitionDefinition, StateNode } from 'xstate';
import { backendHealthMachine } from '../machines/backend-health.machine.ts';
import { budgetReconcilerMachine } from '../machines/budget-reconciler.machine.ts';
import { monthClockMachine } from '../machines/month-clock.machine.ts';
import { nexusMachine } from '../machines/nexus.machine.ts';
import { schedulerReconcilerMachine } from '../machines/scheduler-reconciler.machine.ts';
import { WIRES } from './chart-wires.ts';

type Node = AnyStateMachine['root'];

const CHARTS: readonly AnyStateMachine[] = [
  nexusMachine,
  budgetReconcilerMachine,
  schedulerReconcilerMachine,
  backendHealthMachine,
  monthClockMachine,
];

const INTRODUCTION = `# The charts

<!-- Generated from the charts by \`npm run generate\`. Change the charts, not this page. -->

Every decision of the control plane is made by one of these statecharts. Each file holds one literal chart; it imports
nothing but \`xstate\`, does no I/O and never asks for the time: time, money and news of backends come in as events.
Money is in whole nano-dollars. What the charts say comes out as emitted events and as snapshots, which
\`src/control/\` turns into one frozen routing policy. A request reads that policy; it never waits for an actor.
`;

const STATELY = `## Look at a chart in Stately

Each file can be pasted as it is, from its first line to its last: create a machine in [Stately Studio](https://stately.ai),
choose to import it from code, and paste. The VS Code extension \`statelyai.stately-editor\` opens the files in place.
Names of guards and actions are sentences, so the picture reads without the code. The children of \`nexus\` are stand-ins
there, as charts do not import one another; \`src/control/actors.ts\` provides the real ones.
`;

function childrenOf(node: Node): readonly Node[] {
  const children: readonly StateNode[] = Object.values(node.states);
  return children;
}

function withDescendants(node: Node): readonly Node[] {
  return [node, ...childrenOf(node).flatMap(withDescendants)];
}

function pathTo(node: Node): readonly Node[] {
  return node.parent ? [...pathTo(node.parent), node] : [node];
}

/** `lifecycle.serving`: a state as its chart names it; the root is the chart's own name. */
function nameOf(node: Node): string {
  return node.path.length === 0 ? node.key : node.path.join('.');
}

function mermaidId(node: Node): string {
  return node.id.replaceAll(/[^A-Za-z0-9]/g, '_');
}

function transitionsOf(node: Node): readonly AnyTransitionDefinition[] {
  return [...(node.always ?? []), ...[...node.transitions.values()].flat()];
}

/** What a transition waits for, in words. */
function triggerOf({ eventType, source }: AnyTransitionDefinition): string {
  if (eventType === '') return 'always';
  if (eventType.startsWith('xstate.after.'))
    return `after the ${eventType.slice('xstate.after.'.length, -source.id.length - 1)}`;
  if (eventType.startsWith('xstate.error.actor.'))
    return `failure of ${eventType.slice('xstate.error.actor.'.length)}`;
  return eventType;
}

function guardOf({ guard }: AnyTransitionDefinition): string | null {
  if (guard === undefined) return null;
  if (typeof guard === 'string') return guard;
  if (typeof guard === 'object' && 'type' in guard) return guard.type;
  throw new Error('every guard of a chart has a name, so that its picture can be read');
}

function actionsOf({ actions }: AnyTransitionDefinition): readonly string[] {
  return actions.map((action) => {
    if (typeof action === 'string') return action;
    if (typeof action === 'object' && 'type' in action) return action.type;
    throw new Error('every action of a chart has a name, so that its picture can be read');
  });
}

interface Edge {
  /** The innermost state that holds both ends: Mermaid draws no edge across the border of a composite state. */
  readonly within: Node;
  readonly line: string;
}

function edgesOf(node: Node): readonly Edge[] {
  return transitionsOf(node).flatMap((transition) =>
    (transition.target ?? []).flatMap((target): readonly Edge[] => {
      const from = pathTo(node);
      const to = pathTo(target);
      let depth = 0;
      while (from[depth + 1] && from[depth + 1] === to[depth + 1] && to[depth + 2]) depth += 1;
      const within = from[depth];
      const [start, end] = [from[depth + 1], to[depth + 1]];
      if (!within || !end) return [];
      // What a composite state hears is heard in each of its states.
      const starts = start ? [start] : childrenOf(within).filter((child) => child !== end);
      const guard = guardOf(transition);
      const label = guard ? `${triggerOf(transition)} [${guard}]` : triggerOf(transition);
      return starts.map((each) => ({
        within,
        line: `${mermaidId(each)} --> ${mermaidId(end)} : ${label}`,
      }));
    }),
  );
}

function drawChildren(node: Node, edges: readonly Edge[], indent: string): readonly string[] {
  const children = childrenOf(node);
  const isParallel = node.type === 'parallel';
  const [initial] = isParallel ? [] : node.initial.target;
  const states = children.flatMap((child, i) => [
    ...(isParallel && i > 0 ? [`${indent}--`] : []),
    ...(childrenOf(child).length === 0
      ? [`${indent}state "${child.key}" as ${mermaidId(child)}`]
      : [
          `${indent}state "${child.key}" as ${mermaidId(child)} {`,
          ...drawChildren(child, edges, `${indent}  `),
          `${indent}}`,
        ]),
  ]);
  return [
    ...(initial ? [`${indent}[*] --> ${mermaidId(initial)}`] : []),
    ...states,
    ...edges.filter(({ within }) => within === node).map(({ line }) => indent + line),
    ...children
      .filter(({ type }) => type === 'final')
      .map((child) => `${indent}${mermaidId(child)} --> [*]`),
  ];
}

function diagramOf({ root }: AnyStateMachine): string {
  const edges = withDescendants(root).flatMap(edgesOf);
  return ['```mermaid', 'stateDiagram-v2', ...drawChildren(root, edges, '  '), '```'].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function statesOf({ root }: AnyStateMachine): string {
  const described = withDescendants(root).filter(
    ({ description, parent }) => description !== undefined && parent,
  );
  return table(
    ['state', 'what it means'],
    described.map((node) => [
      `\`${nameOf(node)}\``,
      [node.description, ...node.invoke.map(({ id }) => `Runs \`${id}\`.`)].join(' '),
    ]),
  );
}

function transitionTableOf({ root }: AnyStateMachine): string {
  const rows = withDescendants(root).flatMap((node) =>
    transitionsOf(node).map((transition) => [
      node.parent ? `\`${nameOf(node)}\`` : 'any',
      triggerOf(transition),
      guardOf(transition) ?? '',
      (transition.target ?? []).map((target) => `\`${nameOf(target)}\``).join(', ') || 'stays',
      actionsOf(transition).join('; '),
    ]),
  );
  return table(['in', 'on', 'when', 'goes to', 'and does'], rows);
}

/** Events that others send to a chart; what XState and the chart send to themselves is not among them. */
function heardBy({ root, id }: AnyStateMachine): ReadonlySet<string> {
  const own = new Set(WIRES.filter(({ from, to }) => from === id && to === id).map((w) => w.event));
  const types = withDescendants(root)
    .flatMap(transitionsOf)
    .map(({ eventType }) => eventType);
  return new Set(types.filter((t) => t !== '' && !t.startsWith('xstate.') && !own.has(t)));
}

function emittedBy({ id }: AnyStateMachine): ReadonlySet<string> {
  const source = readFileSync(new URL(`../machines/${id}.machine.ts`, import.meta.url), 'utf8');
  return new Set(
    [...source.matchAll(/ emit\([\s\S]*?\btype: '([^']+)'/g)].map(([, type = '']) => type),
  );
}

function senderOf({ from, bySnapshot }: (typeof WIRES)[number]): string {
  return bySnapshot ? `${from}, by its snapshot` : from;
}

function eventsOf(wires: typeof WIRES): ReadonlySet<string> {
  return new Set(wires.map(({ event }) => event));
}

/** The table of wires is written by hand, so it is compared with the charts in both directions. */
function checkWires(chart: AnyStateMachine): void {
  const compare = (what: string, actual: ReadonlySet<string>, told: ReadonlySet<string>): void => {
    const wrong = [...actual, ...told].filter((event) => !actual.has(event) || !told.has(event));
    if (wrong.length > 0) {
      throw new Error(
        `scripts/chart-wires.ts and machines/${chart.id}.machine.ts disagree about events ${what}: ${wrong.join(', ')}`,
      );
    }
  };
  const others = WIRES.filter(({ from, to }) => from !== to);
  compare('heard', heardBy(chart), eventsOf(others.filter(({ to }) => to === chart.id)));
  const told = others.filter(({ from, bySnapshot }) => from === chart.id && !bySnapshot);
  compare('emitted', emittedBy(chart), eventsOf(told));
}

function sectionOf(chart: AnyStateMachine): string {
  checkWires(chart);
  const wires = WIRES.filter(({ from, to }) => from === chart.id || to === chart.id);
  return [
    `## ${chart.id}`,
    `${chart.root.description ?? ''} [\`${chart.id}.machine.ts\`](${chart.id}.machine.ts)`,
    diagramOf(chart),
    statesOf(chart),
    '### Events',
    table(
      ['event', 'from', 'to', 'meaning'],
      wires.map((wire) => [`\`${wire.event}\``, senderOf(wire), wire.to, wire.meaning]),
    ),
    '### Transitions',
    transitionTableOf(chart),
  ].join('\n\n');
}

/** The text of `machines/README.md`. Throws when the table of wires and the charts disagree. */
export function chartsReadme(): string {
  const whole = [
    '## Who tells whom',
    table(
      ['from', 'event', 'to'],
      WIRES.filter(({ from, to }) => from !== to).map((wire) => [
        senderOf(wire),
        `\`${wire.event}\``,
        wire.to,
      ]),
    ),
  ].join('\n\n');
  return `${[INTRODUCTION.trim(), whole, STATELY.trim(), ...CHARTS.map(sectionOf)].join('\n\n')}\n`;
}
