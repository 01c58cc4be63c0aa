/** A chart as something to draw: every state that holds states becomes a drawing of its own. Knows no browser. */

function pathOf(node) {
  return node.path.join('.');
}

function childrenOf(node) {
  return Object.values(node.states);
}

function withDescendants(node) {
  return [node, ...childrenOf(node).flatMap(withDescendants)];
}

/** From the chart itself down to the node. */
function lineage(node) {
  return node.parent ? [...lineage(node.parent), node] : [node];
}

function transitionsOf(node) {
  return [...(node.always ?? []), ...[...node.transitions.values()].flat()];
}

function guardOf({ guard }) {
  if (guard === undefined) return null;
  return typeof guard === 'string' ? guard : guard.type;
}

/** What an arrow waits for, in words; empty for an `always`. */
export function triggerOf(eventType) {
  if (eventType.startsWith('xstate.after.')) {
    return `after the ${eventType.slice('xstate.after.'.length).replace(/\.[^ ]*$/, '')}`;
  }
  if (eventType.startsWith('xstate.error.actor.')) {
    return `failure of ${eventType.slice('xstate.error.actor.'.length)}`;
  }
  return eventType;
}

/** A transition and one of its targets, seen from the innermost drawing that holds both ends. */
function placed(node, transition, target) {
  const from = lineage(node);
  const to = lineage(target);
  let depth = 0;
  while (from[depth + 1] && from[depth + 1] === to[depth + 1] && to[depth + 2]) {
    depth += 1;
  }
  return {
    within: pathOf(from[depth]),
    from: from[depth + 1] ? pathOf(from[depth + 1]) : null,
    to: pathOf(to[depth + 1] ?? target),
    trigger: triggerOf(transition.eventType),
    guard: guardOf(transition),
  };
}

function arrowsOf(root) {
  return withDescendants(root).flatMap((node) =>
    transitionsOf(node).flatMap((transition) =>
      (transition.target ?? []).map((target) => placed(node, transition, target)),
    ),
  );
}

/**
 * Arrows with the same two ends are drawn as one, with several conditions. What is heard in every state leads from each
 * of them, but not back to where the chart derives its state: that is said once, in what the chart hears.
 */
function edgesWithin(path, arrows, order) {
  const edges = new Map();
  for (const { within, from, to, trigger, guard } of arrows) {
    if (within !== path) continue;
    const anywhere = to === order[0] ? [] : order.filter((other) => other !== to);
    for (const start of from === null ? anywhere : [from]) {
      const key = `${start} ${to}`;
      const edge = edges.get(key) ?? { from: start, to, conditions: [] };
      edge.conditions.push({ trigger, guard });
      edges.set(key, edge);
    }
  }
  return [...edges.values()].toSorted(
    (a, b) =>
      order.indexOf(a.from) - order.indexOf(b.from) || order.indexOf(a.to) - order.indexOf(b.to),
  );
}

function drawingOf(node, arrows) {
  const children = childrenOf(node);
  const start = pathOf(node.initial.target[0]);
  const order = children.map(pathOf);
  return {
    path: pathOf(node),
    name: node.path.at(-1) ?? '',
    nodes: children.map((child) => ({
      path: pathOf(child),
      name: child.key,
      description: child.description ?? '',
      isStart: pathOf(child) === start,
      isFinal: child.type === 'final',
    })),
    edges: edgesWithin(pathOf(node), arrows, order),
  };
}

/** What the chart hears wherever it is: events of states that hold states. */
function heardBy(root) {
  return withDescendants(root)
    .filter((node) => childrenOf(node).length > 0)
    .flatMap((node) => transitionsOf(node))
    .filter(({ eventType }) => eventType !== '' && !eventType.startsWith('xstate.'))
    .map((transition) => ({
      event: transition.eventType,
      description: transition.description ?? '',
      guard: guardOf(transition),
    }));
}

/**
 * @param machine a chart, as its file exports it
 * @returns {{id: string, description: string, drawings: object[], hears: object[]}}
 */
export function chartModel({ root, id }) {
  const arrows = arrowsOf(root);
  const compound = withDescendants(root).filter(
    (node) => childrenOf(node).length > 0 && node.type !== 'parallel',
  );
  return {
    id,
    description: root.description ?? '',
    drawings: compound.map((node) => drawingOf(node, arrows)),
    hears: heardBy(root),
  };
}
