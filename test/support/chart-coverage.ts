/** Which states and transitions of a chart a test has really been through, seen by inspecting its actors. */
import type {
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyTransitionDefinition,
  InspectionEvent,
  StateNode,
} from 'xstate';

type AnyNode = AnyStateMachine['root'];

function nodesBelow(node: AnyNode): readonly AnyNode[] {
  const children: readonly StateNode[] = Object.values(node.states);
  return [node, ...children.flatMap((child) => nodesBelow(child))];
}

function describe(transition: AnyTransitionDefinition): string {
  const guard = transition.guard;
  const guardName =
    typeof guard === 'string'
      ? guard
      : typeof guard === 'object' && 'type' in guard
        ? guard.type
        : '';
  const targets = (transition.target ?? []).map(({ key }) => key).join(', ') || 'itself';
  const event = transition.eventType === '' ? 'always' : transition.eventType;
  return `${transition.source.id}: ${event} ${guardName ? `[${guardName}] ` : ''}-> ${targets}`;
}

export class ChartCoverage {
  readonly #machine: AnyStateMachine;
  readonly #states = new Set<string>();
  readonly #transitions = new Set<AnyTransitionDefinition>();

  constructor(machine: AnyStateMachine) {
    this.#machine = machine;
  }

  /** Hand this to `createActor(machine, { inspect })`. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep') return;
    const { _transitions: taken } = event;
    for (const transition of taken) {
      this.#transitions.add(transition);
      // A state that is left within the same step is seen as the source of what left it.
      this.#states.add(transition.source.id);
    }
    const { _nodes: nodes } = event.snapshot as AnyMachineSnapshot;
    for (const node of nodes) this.#states.add(node.id);
  };

  /** Descriptions of the states and transitions that no actor went through. */
  missing(): readonly string[] {
    const nodes = nodesBelow(this.#machine.root);
    const transitions = nodes.flatMap((node) => [
      ...[...node.transitions.values()].flat(),
      ...(node.always ?? []),
    ]);
    return [
      ...nodes.filter(({ id }) => !this.#states.has(id)).map(({ id }) => id),
      ...transitions.filter((taken) => !this.#transitions.has(taken)).map(describe),
    ];
  }
}
