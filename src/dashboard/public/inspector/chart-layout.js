/**
 * Where the boxes and arrows of a drawing go. States stand in one column in the order of their chart; arrows to later
 * states run down on the right, arrows back run up on the left, each in a lane of its own where they would touch. With a
 * handful of states this reads better than a general layout, never moves when a state changes, and needs no WebAssembly,
 * which would weaken the page's policy. Conditions are long sentences, so an arrow carries a number and the sentences
 * stand in a list beside the drawing, where they wrap. Knows no browser.
 */

export const BOX = { width: 148, height: 46 };
const GAP = 36;
const LANE = 24;
const MARGIN = 10;
const CORNER = 8;
/** Between a box and the first lane. */
const LEAD = 26;

function rowTop(row) {
  return MARGIN + row * (BOX.height + GAP);
}

function touches(a, b) {
  return a.upper < b.lower && b.upper < a.lower;
}

/** Shorter arrows get the nearer lanes. */
function withLanes(arcs) {
  const lanes = [];
  for (const arc of arcs.toSorted((a, b) => a.lower - a.upper - (b.lower - b.upper))) {
    let lane = 0;
    while (lanes[lane]?.some((other) => touches(arc, other))) lane += 1;
    lanes[lane] = [...(lanes[lane] ?? []), arc];
    arc.lane = lane;
  }
  return lanes.length;
}

/** Spreads the ends of arrows along the sides of the boxes so that arrows of one side do not cross. */
function withPorts(arcs, rows) {
  for (let row = 0; row < rows; row += 1) {
    const above = arcs.filter(({ lower }) => lower === row).toSorted((a, b) => a.lane - b.lane);
    const below = arcs.filter(({ upper }) => upper === row).toSorted((a, b) => b.lane - a.lane);
    const ends = [...above, ...below];
    for (const [at, arc] of ends.entries()) {
      const y = rowTop(row) + (BOX.height * (at + 1)) / (ends.length + 1);
      if (arc.lower === row) arc.lowerY = y;
      else arc.upperY = y;
    }
  }
}

/** @param side 1 right, -1 left; @param x the side of the boxes */
function drawn(arc, x, side) {
  const laneX = x + side * (LEAD + arc.lane * LANE);
  const [startY, endY] = arc.isDown ? [arc.upperY, arc.lowerY] : [arc.lowerY, arc.upperY];
  const way = Math.sign(endY - startY);
  const bend = side * CORNER;
  const path = [
    `M${x} ${startY} H${laneX - bend}`,
    `Q${laneX} ${startY} ${laneX} ${startY + way * CORNER}`,
    `V${endY - way * CORNER}`,
    `Q${laneX} ${endY} ${laneX - bend} ${endY}`,
    `H${x + side * 2}`,
  ].join(' ');
  const head = `M${x + side * 9} ${endY - 5} L${x + side} ${endY} L${x + side * 9} ${endY + 5}`;
  // In the gap that is next to where the arrow starts, clear of the ends of other arrows.
  const gapRow = arc.isDown ? arc.upper : arc.lower - 1;
  return { ...arc.edge, path, head, number: { x: laneX, y: rowTop(gapRow + 1) - GAP / 2 } };
}

/** Room for a number of lanes beside the boxes. */
function widthOf(lanes) {
  return lanes === 0 ? 0 : LEAD + (lanes - 1) * LANE + 14;
}

/**
 * @param {{nodes: object[], edges: object[]}} drawing
 * @returns {{width: number, height: number, boxes: object[], arrows: object[]}} numbers are SVG units
 */
export function layoutOf({ nodes, edges }) {
  const rowOf = (path) => nodes.findIndex((node) => node.path === path);
  const arcs = edges.map((edge) => {
    const [from, to] = [rowOf(edge.from), rowOf(edge.to)];
    return { edge, isDown: to > from, upper: Math.min(from, to), lower: Math.max(from, to) };
  });
  const [down, up] = [arcs.filter(({ isDown }) => isDown), arcs.filter(({ isDown }) => !isDown)];
  const [right, left] = [widthOf(withLanes(down)), widthOf(withLanes(up))];
  withPorts(down, nodes.length);
  withPorts(up, nodes.length);
  const x = MARGIN + left;
  const drawnArcs = new Map([
    ...down.map((arc) => [arc.edge, drawn(arc, x + BOX.width, 1)]),
    ...up.map((arc) => [arc.edge, drawn(arc, x, -1)]),
  ]);
  return {
    width: x + BOX.width + right + MARGIN,
    height: rowTop(nodes.length) - GAP + MARGIN,
    boxes: nodes.map((node, row) => ({ ...node, x, y: rowTop(row) })),
    arrows: edges.map((edge) => drawnArcs.get(edge)),
  };
}
