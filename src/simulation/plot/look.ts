/** How a plot looks, in light and in dark: plain rules without variables, so that other programs than browsers draw it too. */

interface Palette {
  readonly page: string;
  readonly text: string;
  readonly quiet: string;
  readonly grid: string;
  readonly spend: string;
  readonly local: string;
  readonly cloud: string;
  readonly refused: string;
  readonly soft: string;
  readonly hard: string;
}

const LIGHT: Palette = {
  page: '#ffffff',
  text: '#1b2330',
  quiet: '#566072',
  grid: '#e1e5ea',
  spend: '#1b2330',
  local: '#12806a',
  cloud: '#5a86f0',
  refused: '#c93434',
  soft: '#b06f00',
  hard: '#b42323',
};

const DARK: Palette = {
  page: '#1a2029',
  text: '#e7ebf1',
  quiet: '#a3adbd',
  grid: '#303949',
  spend: '#e7ebf1',
  local: '#3fbf9f',
  cloud: '#6f97ff',
  refused: '#f07070',
  soft: '#f0b050',
  hard: '#ff8a8a',
};

function rules(palette: Palette): string {
  const { page, text, quiet, grid, spend, local, cloud, refused, soft, hard } = palette;
  return `.page{fill:${page}}
.heading,.value{fill:${text}}.caption,.tick{fill:${quiet}}
.grid{stroke:${grid}}.axis,.turn{stroke:${quiet}}
.spend{stroke:${spend}}.area{fill:${spend}}
.local{fill:${local}}.cloud{fill:${cloud}}.refused{fill:${refused}}
.soft-line{stroke:${soft}}.soft-text,.soft-dot,.soft-band{fill:${soft}}
.hard-line{stroke:${hard}}.hard-text,.hard-dot,.hard-band{fill:${hard}}
.soft-dot,.hard-dot,.soft-text,.hard-text{stroke:${page}}`;
}

const SHAPES = `text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-size:12px}
.heading{font-size:16px;font-weight:600}.value{font-size:13px}
.caption{font-size:12px;font-weight:600}.tick{font-size:11px}
.soft-text,.hard-text{font-size:11px;font-weight:600;paint-order:stroke;stroke-width:3px;stroke-linejoin:round}
.grid,.axis{stroke-width:1}.turn{stroke-width:1;stroke-dasharray:2 3}
.spend{fill:none;stroke-width:1.75;stroke-linejoin:round}.area{opacity:.09}
.soft-band{opacity:.13}.hard-band{opacity:.13}
.soft-line,.hard-line{stroke-width:1.25;stroke-dasharray:6 4}
.soft-dot,.hard-dot{stroke-width:1.5}`;

/** Rules for the elements of a plot. */
export const PLOT_STYLE = `${SHAPES}
${rules(LIGHT)}
@media (prefers-color-scheme:dark){
${rules(DARK)}
}`;

/** Rules for the page around plots. */
export const PAGE_STYLE = `:root{color-scheme:light dark;--page:#f5f6f8;--card:${LIGHT.page};--line:#d9dde3;--text:${LIGHT.text};--quiet:${LIGHT.quiet}}
@media (prefers-color-scheme:dark){:root{--page:#11151c;--card:${DARK.page};--line:#333c4a;--text:${DARK.text};--quiet:${DARK.quiet}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1440px;padding:1.25rem clamp(.75rem,2.5vw,2rem);background:var(--page);color:var(--text);font:.95rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{margin:0 0 .25rem;font-size:1.4rem}
p{margin:.25rem 0 1rem;color:var(--quiet)}
.plots{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,620px),1fr))}
figure,.table{margin:0;padding:.5rem;background:var(--card);border:1px solid var(--line);border-radius:8px;overflow-x:auto}
svg{display:block;width:100%;height:auto}
.one svg{min-width:860px}.two svg{min-width:600px}
.table{margin-top:1rem;padding:.75rem 1rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{color:var(--quiet);font-weight:600}
th:first-child,td:first-child,th.words,td.words{text-align:left}
tbody tr:last-child td{border-bottom:0}`;
