/** config/README.md: every key of the configuration, made from the schema that the loader itself uses. */
import { SCHEMA, scalarKeys, type SchemaNode } from '../src/config/schema.ts';
import { variablesOf } from '../src/config/variables.ts';

const INTRODUCTION = `<!-- Made by scripts/generate.ts from nexus.schema.json. Change that file and run "npm run generate". -->

# Configuration

\`nexus serve --config FILE\` reads a TOML file. [nexus.toml](nexus.toml) is what \`npm start\` runs and shows every key;
the \`quickstart-*.toml\` files run the scenarios of the quickstart. \`nexus check --config FILE\` says what a file comes to,
and \`nexus config init\` writes one to begin with. Editors that know TOML schemas complete and check keys when the first
line of the file is \`#:schema\` and the path of [nexus.schema.json](nexus.schema.json).

- **Precedence.** A flag wins over an environment variable, a variable over the file, the file over the default.
- **Environment.** Each key with a single value has a variable: \`NEXUS_\`, then section and key in capitals, joined by
  two underscores. Some have a short name too. A variable that begins with \`NEXUS_\` and means nothing is an error.
  \`NEXUS_CONFIG\` names the file.
- **Mistakes** stop the start: one line names the file, the key, what is wrong and what to write instead.
- **Prices follow the file** while the gateway runs: within a second of a change, or at SIGHUP. Requests in flight keep the
  price that they were held by. A file with a mistake changes nothing; what else has changed waits for a restart, and
  the log names it.
- **Keys of providers** are never in the file: \`api_key_env\` names the variable that holds one.
- **Without a file** the defaults below apply, there is no budget, and backends are looked for as with
  \`[discovery] enabled = true\`.
`;

function listWords(items: SchemaNode | undefined): string {
  if (items?.enum) return `list of ${typeWords(items)}`;
  const words: Readonly<Record<string, string>> = { string: 'text', number: 'numbers' };
  return `list of ${words[String(items?.type)] ?? 'tables'}`;
}

function typeWords(node: SchemaNode): string {
  if (node.enum) return node.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' ');
  const [type] = typeof node.type === 'string' ? [node.type] : node.type;
  if (type === 'array') return listWords(node.items);
  const words = {
    integer: 'whole number',
    number: 'number',
    string: 'text',
    boolean: '`true` `false`',
    object: 'table',
  };
  return type === undefined ? '' : words[type];
}

function rangeWords({ minimum, exclusiveMinimum, maximum }: SchemaNode): string {
  const from = exclusiveMinimum === undefined ? minimum : exclusiveMinimum;
  if (from === undefined) return '';
  const above = exclusiveMinimum === undefined ? '' : 'above ';
  return maximum === undefined ? `, ${above}${from} or more` : `, ${above}${from} to ${maximum}`;
}

function defaultWords(node: SchemaNode): string {
  if (node.default === undefined) return 'none';
  return `\`${JSON.stringify(node.default)}\``;
}

function row(key: string, node: SchemaNode, isRequired: boolean): string {
  const cells = [
    `\`${key}\``,
    typeWords(node) + rangeWords(node),
    isRequired ? 'required' : defaultWords(node),
    node.description,
  ];
  // A bar within a cell would end it.
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function isSection(node: SchemaNode): boolean {
  return node.type === 'object' || (node.type === 'array' && node.items?.type === 'object');
}

function table(node: SchemaNode): readonly string[] {
  const keys = Object.entries(node.properties ?? {}).filter(([, child]) => !isSection(child));
  if (keys.length === 0) return [];
  const rows = keys.map(([key, child]) => row(key, child, node.required?.includes(key) ?? false));
  return ['| key | value | default | what it does |', '|---|---|---|---|', ...rows, ''];
}

/** One heading for each table of the file, the tables within it after it. */
function section(heading: string, node: SchemaNode, path: string): readonly string[] {
  const lines = [`## \`${heading}\``, '', node.description, '', ...table(node)];
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    if (!isSection(child)) continue;
    lines.push(...subsection(child, path === '' ? key : `${path}.${key}`));
  }
  return lines;
}

function subsection(node: SchemaNode, path: string): readonly string[] {
  const { items, additionalProperties: member } = node;
  if (items) return section(`[[${path}]]`, { ...items, description: node.description }, path);
  const isMapOfTables = typeof member === 'object' && member.type === 'object';
  if (isMapOfTables)
    return section(
      `[${path}."NAME"]`,
      { ...member, description: `${node.description} ${member.description}` },
      `${path}."NAME"`,
    );
  return section(`[${path}]`, node, path);
}

function variableTable(): readonly string[] {
  const rows = scalarKeys().map((key) => {
    const dotted = key.join('.');
    const names = variablesOf(dotted).map((name) => `\`${name}\``);
    return `| \`${dotted}\` | ${names.join(' ')} |`;
  });
  return ['## Environment variables', '', '| key | variables |', '|---|---|', ...rows, ''];
}

export function configReference(): string {
  const sections = Object.entries(SCHEMA.properties).flatMap(([key, node]) =>
    subsection(node, key),
  );
  return [INTRODUCTION, ...sections, ...variableTable()].join('\n');
}
