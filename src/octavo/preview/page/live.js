// Shows what the server tells: the paper, or what is wrong in its place. A new page is loaded unseen, brought to the
// place where the reader is, and only then shown.

const one = (id) => document.getElementById(id);
const BLOCKS = 'h1, h2, h3, h4, p, li, dt, dd, figure, table, pre, blockquote, math[display="block"], .equation';
const NEAR = 60; // blocks by which a place may be known again

let shown = ''; // the digest of the page that is shown, or is being loaded
let frame = null;

function blocks(view) {
  return [...view.contentDocument.querySelectorAll(BLOCKS)];
}

// The blocks from the top of the window on, then those above it: each with its text, how many there were of that text
// before it, and how far it is from the top.
function place(view) {
  const counts = new Map();
  const all = blocks(view).map((block) => {
    const text = block.textContent;
    const nth = counts.get(text) ?? 0;
    counts.set(text, nth + 1);
    return { text, nth, box: block.getBoundingClientRect() };
  });
  const first = all.findIndex(({ box }) => box.bottom > 0);
  const at = first < 0 ? all.length : first;
  const near = [...all.slice(at, at + NEAR), ...all.slice(Math.max(0, at - NEAR), at).reverse()];
  return { near: near.map(({ text, nth, box }) => ({ text, nth, top: box.top })), y: view.contentWindow.scrollY };
}

function restore(view, { near, y }) {
  view.contentWindow.scrollTo(0, y);
  if (!y) return;
  const found = new Map();
  blocks(view).forEach((block) => {
    const same = found.get(block.textContent) ?? [];
    found.set(block.textContent, [...same, block]);
  });
  for (const { text, nth, top } of near) {
    const same = found.get(text);
    if (text.trim() && same) {
      const block = same[Math.min(nth, same.length - 1)];
      view.contentWindow.scrollBy(0, block.getBoundingClientRect().top - top);
      return;
    }
  }
}

function load(digest) {
  if (digest === shown) return;
  shown = digest;
  const next = document.createElement('iframe');
  next.className = 'coming';
  next.title = 'The paper';
  next.src = `paper.html?${digest}`;
  next.addEventListener('load', () => {
    if (digest !== shown) {
      next.remove(); // a newer one is on its way
      return;
    }
    if (frame) restore(next, place(frame));
    next.className = '';
    frame?.remove();
    frame = next;
    document.title = next.contentDocument.title || document.title;
    document.documentElement.dataset.shown = digest;
  });
  one('paper').append(next);
}

function line(text, kind) {
  const made = document.createElement('p');
  made.className = kind;
  made.textContent = text;
  return made;
}

function fault({ what, where, hint }) {
  const item = document.createElement('li');
  const code = document.createElement('code');
  code.textContent = where;
  if (where) item.append(code);
  item.append(line(what, 'what'));
  if (hint) item.append(line(hint, 'hint'));
  return item;
}

function words(state) {
  if (state.working) return 'Making the paper …';
  return state.errors.length ? 'There is an error' : 'Up to date';
}

function show(state) {
  const wrong = state.errors.length > 0;
  const stale = Object.entries(state.stale).map(([name, reason]) => `${name} (${reason})`);
  one('state').textContent = words(state);
  one('stale').hidden = !stale.length;
  one('stale').textContent = `Older than their notebooks: the results of ${stale.join(', ')}. “octavo build” runs them.`;
  one('pdf').hidden = one('last').hidden = !state.files['paper.pdf'];
  one('errors').querySelector('ul').replaceChildren(...state.errors.map(fault));
  one('errors').hidden = !wrong;
  one('paper').inert = wrong;
  if (state.files['paper.html'] && !wrong) load(state.files['paper.html']);
}

const events = new EventSource('events');
events.addEventListener('message', ({ data }) => show(JSON.parse(data)));
events.addEventListener('error', () => {
  one('state').textContent = 'octavo serve does not run';
});
