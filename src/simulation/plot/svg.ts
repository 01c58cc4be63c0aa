/** SVG as text. Names come from files, so every text and attribute is escaped. */

type Attributes = Readonly<Record<string, string | number>>;

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[\p{Cc}\uFFFE\uFFFF]/gu, '?');
}

/** @param children markup, not text. */
export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${escaped(String(value))}"`,
  );
  const inside = children.join('');
  return inside === ''
    ? `<${name}${written.join('')}/>`
    : `<${name}${written.join('')}>${inside}</${name}>`;
}

/** What a browser shows beside the pointer. */
export function title(text: string): string {
  return element('title', {}, escaped(text));
}

export function label(
  x: number,
  y: number,
  text: string,
  look: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return element('text', { x, y, class: look, 'text-anchor': anchor }, escaped(text));
}

export function line(x1: number, y1: number, x2: number, y2: number, look: string): string {
  return element('line', { x1, y1, x2, y2, class: look });
}
