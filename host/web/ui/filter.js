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
  $('kfl').addEventListener('input', () => showError(null));
  return {
    add(condition) {
      const old = $('kfl').value.trim();
      $('kfl').value = old ? `${whole(old)} and ${condition}` : condition;
      submit();
    },
  };
}
