// The live view: rows as they come, a filter, a detail.
import { $, el, endpoint, getJson, time, took } from './dom.js';
import { hideDetail, showDetail } from './detail.js';
import { showError, startFilter } from './filter.js';
import { addLines, startPanels } from './panels.js';

const ROWS_MAX = 1000;
const RECONNECT_MS = 1000;

const items = new Map(); // row -> item
let kfl = '';
let socket = null;
let paused = false;
let waiting = [];
let missed = 0;

function row(item) {
  const status = item.status ?? (item.error ? '!' : '');
  const bad = item.error || (item.protocol.name === 'http' && item.status >= 500);
  const kind = item.failed ? 'failed' : item.passed ? 'passed' : '';
  const tr = el('tr', { class: kind, tabindex: '-1', 'data-id': item.id, onclick: () => select(tr) },
    el('td', {}, time(item)),
    el('td', {}, el('span', { class: `badge ${item.protocol.name}` }, item.subProtocol || item.protocol.abbr)),
    el('td', {}, item.method),
    el('td', { class: 'wide' }, item.summary),
    el('td', { class: bad ? 'bad' : item.protocol.name === 'http' && item.status >= 400 ? 'odd' : '' }, status),
    el('td', {}, endpoint(item.src)),
    el('td', {}, endpoint(item.dst)),
    el('td', { class: 'number' }, took(item.elapsedTime)));
  items.set(tr, item);
  return tr;
}

// Newest first.
function addItems(list) {
  if (paused) {
    waiting = waiting.concat(list).slice(-ROWS_MAX);
    $('pause').textContent = `Resume (${waiting.length})`;
    return;
  }
  const body = $('rows');
  body.prepend(...list.map(row).reverse());
  while (body.childElementCount > ROWS_MAX) {
    items.delete(body.lastElementChild);
    body.lastElementChild.remove();
  }
  $('empty').hidden = body.childElementCount > 0;
}

function clear() {
  items.clear();
  waiting = [];
  missed = 0;
  $('missed').hidden = true;
  $('rows').replaceChildren();
  $('empty').hidden = false;
}

function select(tr) {
  $('rows').querySelector('[aria-selected=true]')?.removeAttribute('aria-selected');
  tr.setAttribute('aria-selected', 'true');
  tr.focus({ preventScroll: true });
  tr.scrollIntoView({ block: 'nearest' });
  showDetail(items.get(tr), filter.add, closeDetail);
}

function closeDetail() {
  $('rows').querySelector('[aria-selected=true]')?.removeAttribute('aria-selected');
  hideDetail();
}

async function openItem(id) {
  try {
    const { item } = await getJson('api/items/' + id.split('/').map(encodeURIComponent).join('/'));
    showDetail(item, filter.add, closeDetail);
  } catch (error) {
    $('state').textContent = error.message;
  }
}

// Items of the past first, then live ones.
async function start(newKfl) {
  kfl = newKfl;
  clear();
  socket?.close();
  try {
    const { items: past } = await getJson('api/items', { kfl, limit: 200 });
    addItems(past.reverse());
  } catch (error) {
    showError(error);
  }
  connect();
}

function connect() {
  const mine = new WebSocket(`ws://${location.host}/api/stream?kfl=${encodeURIComponent(kfl)}`);
  socket = mine;
  mine.onopen = () => ($('state').textContent = 'live');
  mine.onclose = () => {
    if (mine !== socket) return;
    $('state').textContent = 'no connection: trying again…';
    setTimeout(() => mine === socket && connect(), RECONNECT_MS);
  };
  mine.onmessage = ({ data }) => {
    if (mine !== socket) return;
    const message = JSON.parse(data);
    if (message.type === 'items') addItems(message.items);
    else if (message.type === 'lines') addLines(message.lines);
    else if (message.type === 'error') showError(message.error);
    else if (message.type === 'missed') {
      missed += message.count;
      $('missed').hidden = false;
      $('missed').textContent = `${missed} items came faster than they can be shown: use a narrower filter`;
    }
  };
}

const filter = startFilter(start);

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').setAttribute('aria-pressed', String(paused));
  $('pause').textContent = paused ? 'Resume' : 'Pause';
  if (!paused) addItems(waiting.splice(0));
});

document.addEventListener('keydown', (event) => {
  if (event.target instanceof HTMLInputElement) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const selected = $('rows').querySelector('[aria-selected=true]');
  const next = { ArrowDown: selected?.nextElementSibling ?? $('rows').firstElementChild, ArrowUp: selected?.previousElementSibling }[event.key];
  if (next) select(next);
  else if (event.key === '/') $('kfl').focus();
  else if (event.key === 'Escape') closeDetail();
  else return;
  event.preventDefault();
});

getJson('api/about').then((about) => ($('about').textContent = `${about.version} · ${about.node} · ${about.source}`), () => {});
startPanels(openItem).catch(() => {});
start('');
