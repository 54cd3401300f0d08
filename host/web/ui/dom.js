// Elements out of values. Text is always set as text: what comes from the network is never read as HTML.

export const $ = (id) => document.getElementById(id);

// el('td', { class: 'wide', onclick: f }, 'text', child, …)
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((c) => c !== undefined && c !== null).map((c) => (c instanceof Node ? c : String(c))));
  return element;
}

export async function getJson(path, params = {}) {
  const query = new URLSearchParams(params).toString();
  const response = await fetch(path + (query ? '?' + query : ''));
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.error?.message || response.statusText), body.error);
  return body;
}

export const time = (item) => (item.startTime || '').slice(11, 23);

export function took(microseconds) {
  if (microseconds === undefined || microseconds === null) return '';
  if (microseconds < 1000) return microseconds + ' µs';
  if (microseconds < 1e6) return (microseconds / 1000).toFixed(1) + ' ms';
  return (microseconds / 1e6).toFixed(2) + ' s';
}

export function bytes(n) {
  if (n === undefined || n === null) return '';
  if (n < 1024) return n + ' B';
  return n < 1 << 20 ? (n / 1024).toFixed(1) + ' KiB' : (n / (1 << 20)).toFixed(1) + ' MiB';
}

export const endpoint = (side) => (side ? (side.name || side.ip) + (side.port && side.port !== '0' ? ':' + side.port : '') : '');
