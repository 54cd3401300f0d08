// The filter's box: history, and errors shown under the place where they are.
import { $, el, getJson } from './dom.js';

const HISTORY = 'hookline.filters';
const HISTORY_MAX = 20;

const history = () => {
  try {
    return JSON.parse(localStorage.getItem(HISTORY)) || [];
  } catch {
    return [];
  }
};

function remember(kfl) {
  if (!kfl) return;
  localStorage.setItem(HISTORY, JSON.stringify([kfl, ...history().filter((k) => k !== kfl)].slice(0, HISTORY_MAX)));
  showHistory();
}

function showHistory() {
  $('history').replaceChildren(...history().map((k) => el('option', { value: k })));
}

// `{message, line, column, start, end, help}` under the box; nothing where there is no error.
export function showError(error) {
  $('kfl').setAttribute('aria-invalid', error ? 'true' : 'false');
  $('caret').hidden = !error?.column;
  $('problem').hidden = !error;
  if (!error) return;
  const width = Math.max(1, (error.end || 0) - (error.start || 0));
  $('caret').textContent = ' '.repeat((error.column || 1) - 1) + '^'.repeat(width);
  $('problem').textContent = error.message + (error.help ? ' — ' + error.help : '');
}

// `a or b` in brackets, since `and` binds tighter. Texts and what has brackets already do not count.
function whole(kfl) {
  let outside = kfl.replace(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`]*`/g, '""');
  for (let before = null; before !== outside; ) [before, outside] = [outside, outside.replace(/\([^()]*\)/g, '')];
  return /\bor\b/i.test(outside) ? `(${kfl})` : kfl;
}

// What may follow what is written: whole filters, since the list under a box replaces all of it. Answers that come late are not shown.
let asked = 0;
async function offer() {
  const mine = ++asked;
  const kfl = $('kfl').value;
  const cursor = [...kfl.slice(0, $('kfl').selectionStart ?? kfl.length)].length;
  let completions = [];
  try {
    ({ completions } = await getJson('api/kfl/complete', { kfl, cursor }));
  } catch {
    return;
  }
  if (mine !== asked) return;
  const letters = [...kfl];
  const option = (c) => el('option', { value: letters.slice(0, c.start).join('') + c.text + letters.slice(cursor).join(''), label: [c.text, c.type, c.doc].filter(Boolean).join(' · ') });
  $('history').replaceChildren(...completions.slice(0, 40).map(option), ...history().map((k) => el('option', { value: k })));
}

// Calls `apply(kfl)` with each filter that compiles.
export function startFilter(apply) {
  showHistory();
  const submit = async () => {
    const kfl = $('kfl').value.trim();
    try {
      await getJson('api/kfl', { kfl });
    } catch (error) {
      return showError(error);
    }
    showError(null);
    remember(kfl);
    apply(kfl);
  };
  $('filter').addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  $('kfl').addEventListener('input', () => {
    showError(null);
    offer();
  });
  return {
    add(condition) {
      const old = $('kfl').value.trim();
      $('kfl').value = old ? `${whole(old)} and ${condition}` : condition;
      submit();
    },
  };
}
