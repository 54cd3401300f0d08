// Plugins, alerts, console.
import { $, el, getJson } from './dom.js';

const LINES_MAX = 1000;
const EVERY_MS = 2000;

const nanoseconds = (p) => (p.delivered ? Math.round(p.cpu_ns / p.delivered) : 0);
const cost = (ns) => (ns >= 1e6 ? (ns / 1e6).toFixed(1) + ' ms' : ns >= 1000 ? (ns / 1000).toFixed(1) + ' µs' : ns + ' ns');

function plugin(p) {
  const lost = p.dropped_queue_full + p.skipped_down;
  const cells = [
    el('td', {}, el('b', {}, p.name), el('div', { class: 'faint' }, p.description)),
    el('td', {}, el('span', { class: `state ${p.state}` }, p.state), p.reloads ? ` ${p.reloads} reloads` : ''),
    el('td', {}, p.filters.map((f) => f || 'all items').join('; ')),
    ...[p.delivered, p.failed, lost, cost(nanoseconds(p)), p.traps + p.overruns, p.restarts, p.events].map((v) => el('td', { class: 'number' }, v)),
    el('td', { class: 'bad' }, p.error || ''),
  ];
  return el('tr', { 'data-plugin': p.name }, ...cells);
}

async function showPlugins() {
  const { plugins } = await getJson('api/plugins');
  const heads = ['Plugin', 'State', 'Filter', 'Handled', 'Failed', 'Lost', 'CPU each', 'Traps', 'Restarts', 'Events', 'Last error'];
  const empty = el('p', { class: 'faint' }, 'No plugins. Start with --plugins DIR and drop .wasm or .js files into that folder.');
  $('plugins').replaceChildren(
    plugins.length ? el('table', {}, el('thead', {}, el('tr', {}, ...heads.map((h) => el('th', {}, h)))), el('tbody', {}, ...plugins.map(plugin))) : empty,
  );
}

async function showAlerts(openItem) {
  const { alerts } = await getJson('api/alerts');
  const row = (a) =>
    el('tr', {},
      el('td', {}, a.time.slice(0, 19).replace('T', ' ')),
      el('td', {}, el('span', { class: `severity ${a.data.severity}` }, a.data.severity)),
      el('td', {}, a.data.item ? el('button', { class: 'link', onclick: () => openItem(a.data.item.id) }, a.data.title) : a.data.title),
      el('td', {}, a.data.text),
      el('td', { class: 'faint' }, a.source.split('/').pop()));
  const heads = ['Time', 'Severity', 'Alert', '', 'Plugin'].map((h) => el('th', {}, h));
  $('alerts').replaceChildren(
    alerts.length ? el('table', {}, el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...alerts.map(row))) : el('p', { class: 'faint' }, 'No alerts: no hook has raised one.'),
  );
}

export function addLines(lines) {
  const box = $('console');
  const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
  box.querySelector('.faint.none')?.remove();
  box.append(...lines.map((l) => el('div', { class: `line ${l.level}` }, el('span', { class: 'faint' }, `${l.at.slice(11, 19)} ${l.plugin} `), l.text)));
  while (box.childElementCount > LINES_MAX) box.firstElementChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

export async function startPanels(openItem) {
  const tabs = [...document.querySelectorAll('footer [role=tab]')];
  const shows = { plugins: showPlugins, alerts: () => showAlerts(openItem), console: async () => {} };
  let open = 'plugins';
  // A server that is gone is shown by the connection's state.
  const refresh = () => shows[open]().catch(() => {});
  for (const tab of tabs) {
    tab.addEventListener('click', () => {
      open = tab.dataset.panel;
      tabs.forEach((t) => t.setAttribute('aria-selected', String(t === tab)));
      for (const name of Object.keys(shows)) $(name).hidden = name !== open;
      refresh();
    });
  }
  $('console').append(el('p', { class: 'faint none' }, 'Nothing yet: what scripts print with console.log is shown here.'));
  const { lines } = await getJson('api/console');
  if (lines.length) addLines(lines);
  refresh();
  setInterval(refresh, EVERY_MS);
}
