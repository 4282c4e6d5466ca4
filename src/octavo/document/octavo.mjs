// What MyST does not have: the role `val` and the directives `result-figure`, `result-table` and `notes`.
//
// They put in names, never numbers: a value, a table or a figure is looked up by name after parsing, so a new number
// needs no new parse. mystmd numbers what it knows, hence the node types: an `iframe` for a figure (mystmd copies no
// file for it and passes it through) and an empty `table` for a table, each with the name in its `data`.

const SCHEMES = { doi: 'https://doi.org/', ror: 'https://ror.org/' };

// An address under another type, which mystmd passes through; octavo.document.source gives it its type back.
function shield(node) {
  const found = /^(https?|doi|ror):\s*(.+)$/i.exec(node.url ?? '');
  if (node.type === 'link' && found) {
    const scheme = found[1].toLowerCase();
    node.type = 'octavoLink';
    node.url = scheme in SCHEMES ? SCHEMES[scheme] + found[2] : node.url;
    if (!node.children?.length) node.children = [{ type: 'text', value: node.url }];
  }
  (node.children ?? []).forEach(shield);
}

const links = { name: 'octavo-links', stage: 'document', plugin: () => (tree) => shield(tree) };

// Lines and alignments that no environment holds, as `$$ a &= b \\ c &= d $$`: KaTeX alone knows what is meant.
// And `\nonumber`: a display formula has one number, or none where all its lines say so.
const UNNUMBERED = /\\(?:nonumber|notag)(?![A-Za-z])/g;

function outside(tex) {
  let [depth, shown] = [0, ''];
  for (const [token] of tex.matchAll(/\\(?:begin|end)\s*\{[^}]*\}|\\[A-Za-z]+|\\[^]|[^]/g)) {
    if (/^(?:\{|\\begin)/.test(token)) depth += 1;
    else if (/^(?:\}|\\end)/.test(token)) depth -= 1;
    else if (depth === 0) shown += token;
  }
  return shown;
}

// KaTeX was there before us, and browsers show its line breaks on one line.
function rows(whole, inner) {
  const made = inner.split('<mspace linebreak="newline"></mspace>');
  if (made.length < 2) return whole;
  const row = (line) => `<mtr><mtd><mstyle scriptlevel="0" displaystyle="true"><mrow>${line}</mrow></mstyle></mtd></mtr>`;
  return `<semantics><mtable rowspacing="0.25em" columnalign="center">${made.map(row).join('')}</mtable><annotation`;
}

function plain(node) {
  if (node.type === 'math') {
    const marks = node.value.match(UNNUMBERED)?.length ?? 0;
    const bare = node.value.replace(UNNUMBERED, '');
    const lines = bare.replace(/\\\\\s*(?=\\end|$)/g, '').split('\\\\').length;
    const starred = /^\s*\\begin\s*\{(\w+\*)\}[^]*\\end\s*\{\1\}\s*$/.test(bare) && !node.identifier;
    if (starred || (marks && marks >= lines)) node.enumerated = false;
    const top = outside(bare.replace(/\\label\s*\{[^}]*\}/g, ''));
    const cells = /(^|[^\\])(\\\\)*&/.test(top); // not \&, the sign
    const name = cells ? 'aligned' : top.includes('\\\\') ? 'gathered' : '';
    node.value = name ? `\\begin{${name}}\n${bare.trim()}\n\\end{${name}}` : bare;
    if (name === 'gathered') node.html = node.html?.replace(/<semantics><mrow>(.*?)<\/mrow><annotation/s, rows);
  }
  (node.children ?? []).forEach(plain);
}

const formulas = { name: 'octavo-formulas', stage: 'document', plugin: () => (tree) => plain(tree) };

const line = (data) => data.node?.position?.start?.line;
const place = (data) => (line(data) ? { position: data.node.position } : {});

const val = {
  name: 'val',
  doc: 'A recorded value, printed with its precision and unit.',
  body: { type: String, required: true },
  run(data) {
    return [{ type: 'octavoValue', name: data.body.trim(), ...place(data) }];
  },
};

const resultTable = {
  name: 'result-table',
  doc: 'A recorded table; stands inside a `table` directive, which gives it caption and label.',
  arg: { type: String, required: true },
  run(data) {
    return [{ type: 'table', children: [], data: { name: data.arg.trim() }, ...place(data) }];
  },
};

const resultFigure = {
  name: 'result-figure',
  doc: 'A recorded figure with its caption.',
  arg: { type: String, required: true },
  options: {
    label: { type: String, alias: ['name'] },
    width: { type: String },
    alt: { type: String },
    class: { type: String },
  },
  body: { type: 'myst' },
  run(data) {
    const options = data.options ?? {};
    const shown = {
      type: 'iframe',
      src: '',
      data: { name: data.arg.trim(), width: options.width ?? '' },
      alt: options.alt ?? '',
      ...place(data),
    };
    const children = [shown];
    if (data.body?.length) children.push({ type: 'caption', children: data.body });
    const container = { type: 'container', kind: 'figure', children, ...place(data) };
    if (options.class) container.class = options.class;
    if (options.label) {
      container.label = options.label;
      container.identifier = options.label.toLowerCase();
    }
    return [container];
  },
};

const notes = {
  name: 'notes',
  doc: 'What the speaker says; not on the slide.',
  body: { type: 'myst', required: true },
  run(data) {
    return [{ type: 'div', class: 'notes', children: data.body, ...place(data) }];
  },
};

export default {
  name: 'octavo',
  roles: [val],
  directives: [resultTable, resultFigure, notes],
  transforms: [links, formulas],
};
