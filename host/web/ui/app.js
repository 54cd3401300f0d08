// The live view: rows as they come, a filter, a detail.
import { $, bytes, el, endpoint, getJson, time, took } from './dom.js';
import { hideDetail, setPacketsKept, showDetail } from './detail.js';
import { showError, startFilter } from './filter.js';
import { addLines, startPanels } from './panels.js';

const ROWS_MAX = 1000;
const PAST_MAX = 200; // some screens of rows
const RECONNECT_MS = 1000;

const items = new Map(); // row -> item
const rowOf = new Map(); // id -> row
let session = null; // what one filter shows: { kfl, socket, begun }
let paused = false;
let waiting = [];
let missed = 0;

// A hook may have left out anything: what is missing is shown as nothing.
function row(item) {
  const protocol = item.protocol ?? {};
  const http = protocol.name === 'http';
  const bad = item.error || (http && item.status >= 500);
  const kind = item.failed ? 'failed' : item.passed ? 'passed' : '';
  const tr = el('tr', { class: kind, tabindex: '-1', 'data-id': item.id, onclick: () => select(tr) },
    el('td', {}, time(item)),
    el('td', {}, el('span', { class: `badge ${protocol.name ?? ''}` }, item.subProtocol || protocol.abbr)),
    el('td', {}, item.method),
    el('td', { class: 'wide', title: item.summary }, item.summary),
    el('td', { class: bad ? 'bad' : http && item.status >= 400 ? 'odd' : '' }, item.status ?? (item.error ? '!' : '')),
    el('td', {}, endpoint(item.src)),
    el('td', {}, endpoint(item.dst)),
    el('td', { class: 'number' }, took(item.elapsedTime)),
    el('td', { class: 'number' }, bytes(item.size)));
  items.set(tr, item);
  if (item.id !== undefined) rowOf.set(item.id, tr);
  return tr;
}

function drop(tr) {
  const id = items.get(tr)?.id;
  if (rowOf.get(id) === tr) rowOf.delete(id);
  items.delete(tr);
  tr.remove();
}

// Puts items on top, the last one highest. One that is shown already and comes again (a capture that is looped) moves up.
function addRows(list) {
  const body = $('rows');
  for (const item of list.slice(-ROWS_MAX)) {
    const old = rowOf.get(item.id);
    if (old) drop(old);
    body.prepend(row(item));
  }
  while (body.childElementCount > ROWS_MAX) drop(body.lastElementChild);
  $('empty').hidden = body.childElementCount > 0;
}

function addLive(list) {
  if (!paused) return addRows(list);
  waiting = waiting.concat(list).slice(-ROWS_MAX);
  showPause();
}

function showPause() {
  $('pause').setAttribute('aria-pressed', String(paused));
  $('pause').textContent = !paused ? 'Pause' : waiting.length ? `Resume (${waiting.length})` : 'Resume';
}

function clear() {
  items.clear();
  rowOf.clear();
  waiting = [];
  missed = 0;
  showPause();
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

function start(kfl) {
  session?.socket.close();
  session = { kfl, socket: null, begun: false };
  clear();
  connect(session);
}

// Listens first and asks for the past then, so that nothing between the two is lost; what comes meanwhile is kept behind it.
function connect(mine) {
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/stream?kfl=${encodeURIComponent(mine.kfl)}`);
  mine.socket = socket;
  let early = [];
  socket.onopen = async () => {
    $('state').textContent = 'live';
    const past = await fetchPast(mine);
    if (mine !== session || mine.socket !== socket) return;
    const news = past.filter((item) => !rowOf.has(item.id)).reverse();
    // A new filter shows what there is even while live items wait.
    if (mine.begun) addLive(news);
    else addRows(news);
    mine.begun = true;
    addLive(early);
    early = null;
  };
  socket.onclose = () => {
    if (mine !== session || mine.socket !== socket) return;
    $('state').textContent = 'no connection: trying again…';
    setTimeout(() => mine === session && connect(mine), RECONNECT_MS);
  };
  socket.onmessage = ({ data }) => {
    if (mine !== session) return;
    const message = JSON.parse(data);
    if (message.type === 'items') early ? (early = early.concat(message.items).slice(-ROWS_MAX)) : addLive(message.items);
    else if (message.type === 'lines') addLines(message.lines);
    else if (message.type === 'error') showError(message.error);
    else if (message.type === 'missed') {
      missed += message.count;
      $('missed').hidden = false;
      $('missed').textContent = `${missed} items came faster than they can be shown: use a narrower filter`;
    }
  };
}

async function fetchPast(mine) {
  try {
    return (await getJson('api/items', { kfl: mine.kfl, limit: PAST_MAX })).items;
  } catch (error) {
    if (mine === session) showError(error);
    return [];
  }
}

const filter = startFilter(start);

$('pause').addEventListener('click', () => {
  paused = !paused;
  if (!paused) addRows(waiting.splice(0));
  showPause();
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

getJson('api/about').then((about) => {
  $('about').textContent = `${about.version} · ${about.node} · ${about.source}`;
  setPacketsKept(about.packets === true);
}, () => {});
startPanels(openItem).catch(() => {});
start('');
