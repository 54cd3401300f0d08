// One item, in full.
import { $, el, endpoint, took } from './dom.js';

const literal = (value) => (typeof value === 'string' ? JSON.stringify(value) : String(value));
const isName = (key) => /^[A-Za-z_]\w*$/.test(key);

// Names and values of an object, nested ones indented; `+` adds a value to the filter.
function table(object, path, addFilter) {
  const rows = [];
  const walk = (value, name, path, depth) => {
    const cell = el('th', {}, name);
    cell.style.paddingLeft = `${depth + 0.5}em`;
    if (Array.isArray(value) || (value !== null && typeof value === 'object')) {
      const entries = Object.entries(value);
      rows.push(el('tr', {}, cell, el('td', { class: 'faint' }, entries.length ? '' : Array.isArray(value) ? 'none' : '{}')));
      for (const [key, inner] of entries) {
        const step = Array.isArray(value) ? `[${key}]` : isName(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
        walk(inner, key, path + step, depth + 1);
      }
      return;
    }
    const filterable = value !== null && !(typeof value === 'string' && value.length > 200);
    const plus = filterable && el('button', { class: 'plus', title: 'Add to the filter', 'aria-label': `Filter by ${path}`, onclick: () => addFilter(`${path} == ${literal(value)}`) }, '+');
    rows.push(el('tr', {}, cell, el('td', {}, plus || null, value === null ? 'null' : value)));
  };
  for (const [key, value] of Object.entries(object)) walk(value, key, path + (isName(key) ? `.${key}` : `[${JSON.stringify(key)}]`), 0);
  return el('table', { class: 'values' }, el('tbody', {}, ...rows));
}

const DUMP_MAX = 64 << 10; // bytes of a body that are shown as a dump: more is read elsewhere

// A body as text; bytes that are no UTF-8 text as a dump. A hook may have put something else in place of base64: that is shown as it is.
function text(body) {
  if (typeof body?.text !== 'string') return '';
  if (body.encoding !== 'base64') return body.text;
  try {
    const bytes = Uint8Array.from(atob(body.text), (c) => c.charCodeAt(0));
    try {
      const decoded = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      return decoded.includes('\0') ? dump(bytes) : decoded;
    } catch {
      return dump(bytes);
    }
  } catch {
    return body.text;
  }
}

function dump(bytes) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, DUMP_MAX); at += 16) {
    const line = [...bytes.subarray(at, at + 16)];
    const hex = line.map((b) => b.toString(16).padStart(2, '0')).join(' ').padEnd(48);
    lines.push(`${at.toString(16).padStart(8, '0')}  ${hex} ${line.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '.')).join('')}`);
  }
  if (bytes.length > DUMP_MAX) lines.push(`… ${bytes.length - DUMP_MAX} bytes more`);
  return lines.join('\n');
}

function pretty(source) {
  try {
    return JSON.stringify(JSON.parse(source), null, 2);
  } catch {
    return source;
  }
}

function side(object, path, addFilter) {
  if (!object) return el('p', { class: 'faint' }, 'It was not seen.');
  const { headers, headerList, content, body, postData, ...rest } = object;
  const parts = [table(rest, path, addFilter)];
  if (headers) parts.push(el('h4', {}, 'Headers'), table(headers, `${path}.headers`, addFilter));
  const shown = [content, body, postData].map(text).find(Boolean);
  if (shown) parts.push(el('h4', {}, 'Body'), el('pre', { class: 'body' }, pretty(shown)));
  return el('div', {}, ...parts);
}

function notes(item) {
  const lines = [];
  if (item.error) lines.push(`${item.error.type}: ${item.error.msg}`);
  if (item.completeness?.grade === 'partial') lines.push(`incomplete: ${item.completeness.missingBytes} bytes missing, ${item.completeness.cutBytes} not kept`);
  if (item.completeness?.grade === 'unknown') lines.push('picked up in the middle of a connection: more may be missing than is known');
  lines.push(...(item.anomalies || []));
  return lines.length ? el('ul', { class: 'notes' }, ...lines.map((l) => el('li', {}, l))) : null;
}

let packetsKept = false;

// Says whether the packets of items can be had.
export const setPacketsKept = (kept) => void (packetsKept = kept);

export function showDetail(item, addFilter, close) {
  const pair = item.request || item.response;
  const views = {
    ...(pair ? { Request: () => side(item.request, 'request', addFilter), Response: () => side(item.response, 'response', addFilter) } : {}),
    ...(item.data ? { Data: () => side(item.data, 'data', addFilter) } : {}),
    JSON: () => el('pre', { class: 'body' }, JSON.stringify(item, null, 2)),
  };
  const view = el('div', { class: 'view' });
  const tabs = Object.keys(views).map((name) => el('button', { role: 'tab', onclick: () => open(name) }, name));
  const open = (name) => {
    tabs.forEach((t) => t.setAttribute('aria-selected', String(t.textContent === name)));
    view.replaceChildren(views[name]());
  };
  $('detail').replaceChildren(
    el('div', { class: 'head' }, el('h2', {}, [item.method, item.summary].filter(Boolean).join(' ')), el('button', { onclick: close, 'aria-label': 'Close detail' }, '✕')),
    el('p', {}, `${endpoint(item.src)} → ${endpoint(item.dst)} · ${item.protocol?.abbr ?? ''} ${item.protocol?.version ?? ''} · ${item.startTime ?? ''} · ${took(item.elapsedTime)}`),
    ...(packetsKept ? [el('p', {}, el('a', { href: `api/packets/${encodeURI(item.id)}`, download: '' }, 'Packets of its stream (pcapng)'))] : []),
    ...[notes(item)].filter(Boolean),
    el('div', { role: 'tablist', class: 'tabs' }, ...tabs),
    view,
  );
  $('detail').hidden = false;
  open(item.data ? 'Data' : item.request ? 'Request' : item.response ? 'Response' : 'JSON');
}

export function hideDetail() {
  $('detail').hidden = true;
  $('detail').replaceChildren();
}
