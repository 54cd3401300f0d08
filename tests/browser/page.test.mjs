// The dashboard's page against a server that is played here: what real traffic brings rarely, slowly, or with bad intent.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';

const origin = 'http://127.0.0.1:9';
const ui = new URL('../../host/web/ui/', import.meta.url);
const kinds = { html: 'text/html', js: 'text/javascript', css: 'text/css' };
const settle = { timeout: 5_000 };
let browser, page, server;

before(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => browser?.close());

// An item as the server sends it.
function item(n, more = {}) {
  const side = (ip, port) => ({ ip, port, name: '' });
  return {
    id: `node/000000000001-${n}`, index: n, protocol: { name: 'http', abbr: 'HTTP', version: '1.1' }, src: side('10.0.0.1', '50000'),
    dst: side('10.0.0.2', '80'), startTime: `2026-01-02T03:04:05.${String(n).padStart(9, '0')}Z`, elapsedTime: 1500, size: 2048, method: 'GET',
    summary: `/${n}`, status: 200, request: { method: 'GET', path: `/${n}` }, response: { status: 200 }, passed: false, failed: false,
    error: null, anomalies: [], completeness: { grade: 'full' }, ...more,
  };
}

// A page whose server answers from `server`; every test has its own.
beforeEach(async () => {
  await page?.close();
  server = { past: async () => [], sockets: [], errors: [] };
  page = await browser.newPage();
  page.setDefaultTimeout(settle.timeout);
  page.on('pageerror', (error) => server.errors.push(error.message));
  await page.routeWebSocket(/\/api\/stream/, (socket) => {
    const one = { kfl: new URL(socket.url()).searchParams.get('kfl'), open: true, send: (list) => socket.send(JSON.stringify({ type: 'items', items: list })), close: () => socket.close() };
    socket.onClose(() => (one.open = false));
    server.sockets.push(one);
  });
  await page.route(`${origin}/**`, async (route) => {
    const { pathname, searchParams } = new URL(route.request().url());
    const reply = (value) => route.fulfill({ contentType: 'application/json', body: JSON.stringify(value) }).catch(() => {});
    if (pathname === '/api/items') return reply({ items: await server.past(searchParams.get('kfl')), next: null });
    if (pathname.startsWith('/api/')) return reply({ valid: true, plugins: [], alerts: [], lines: [], version: '1', node: 'n', source: 's' });
    const name = pathname.slice(1) || 'index.html';
    return route.fulfill({ contentType: kinds[name.split('.').pop()], body: await readFile(new URL(name, ui)) });
  });
});

const summaries = () => page.locator('#rows tr').evaluateAll((rows) => rows.map((r) => r.cells[3].textContent));
const shown = (list) => page.waitForFunction((l) => JSON.stringify([...document.querySelectorAll('#rows tr')].map((r) => r.cells[3].textContent)) === JSON.stringify(l), list, settle);
const apply = async (kfl) => {
  await page.fill('#kfl', kfl);
  await page.press('#kfl', 'Enter');
};
// Waits until `f` holds, for as long as a page may take.
const until = async (f, what) => {
  for (const end = Date.now() + settle.timeout; !f(); await page.waitForTimeout(20)) assert.ok(Date.now() < end, `${what} within ${settle.timeout} ms`);
};
const open = async (count = 1) => {
  await until(() => server.sockets.length >= count, `${count} sockets`);
  return server.sockets.at(-1);
};

test('what comes from the network is shown as text, in rows and in the detail', async () => {
  const hostile = '<img src=x onerror="document.title=\'owned\'">';
  const headers = { [hostile]: hostile };
  server.past = async () => [item(1, { summary: hostile, method: hostile, request: { path: hostile, headers }, anomalies: [hostile], error: { type: 'timeout', msg: hostile } })];
  await page.goto(origin);
  await page.locator('#rows tr').click();
  await page.locator('#detail h2').waitFor();
  assert.equal(await page.locator('#rows td').nth(3).textContent(), hostile);
  assert.ok((await page.locator('#detail').textContent()).split(hostile).length > 5);
  assert.equal(await page.locator('main img').count(), 0);
  assert.equal(await page.title(), 'Hookline');
});

test('items between the past and the live ones are neither lost nor shown twice', async () => {
  let release;
  server.past = () => new Promise((resolve) => (release = () => resolve([item(2), item(1)])));
  await page.goto(origin);
  const socket = await open();
  socket.send([item(2), item(3)]);
  await page.waitForTimeout(100);
  release();
  await shown(['/3', '/2', '/1']);
  server.past = async () => [item(4), item(3)];
  socket.close();
  await open(2);
  await shown(['/4', '/3', '/2', '/1']);
});

test('a filter that is answered late does not show its items under the next one', async () => {
  await page.goto(origin);
  await open();
  let release;
  server.past = (kfl) => (kfl === 'slow' ? new Promise((resolve) => (release = () => resolve([item(1)]))) : [item(2)]);
  await apply('slow');
  await until(() => release, 'the first filter is asked for');
  await apply('fast');
  await shown(['/2']);
  release();
  await page.waitForTimeout(200);
  assert.deepEqual(await summaries(), ['/2']);
  assert.deepEqual(server.sockets.filter((s) => s.open).map((s) => s.kfl), ['fast']);
});

test('while paused, items wait; a new filter shows its items at once', async () => {
  server.past = async (kfl) => (kfl ? [item(7)] : [item(1)]);
  await page.goto(origin);
  await shown(['/1']);
  await page.click('#pause');
  (await open()).send([item(2), item(3)]);
  await page.getByText('Resume (2)').waitFor();
  assert.deepEqual(await summaries(), ['/1']);
  await page.click('#pause');
  await shown(['/3', '/2', '/1']);
  assert.equal(await page.textContent('#pause'), 'Pause');
  await page.click('#pause');
  await apply('index == 7');
  await shown(['/7']);
});

test('a value is added to the whole of a filter', async () => {
  server.past = async () => [item(1)];
  await page.goto(origin);
  await apply('dns or http');
  await page.locator('#rows tr').click();
  await page.getByLabel('Filter by request.method').click();
  assert.equal(await page.inputValue('#kfl'), '(dns or http) and request.method == "GET"');
  await page.getByLabel('Filter by request.path').click();
  assert.equal(await page.inputValue('#kfl'), '(dns or http) and request.method == "GET" and request.path == "/1"');
});

test('what a hook rewrote is shown, whatever it left', async () => {
  const redacted = { text: '[redacted]', encoding: 'base64' };
  server.past = async () => [item(2), { id: 'x', passed: true, failed: false }, item(1, { response: { status: 200, content: redacted } })];
  await page.goto(origin);
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 3, undefined, settle);
  await page.locator('#rows tr').last().click();
  await page.getByRole('tab', { name: 'Response', exact: true }).click();
  assert.match(await page.locator('#detail .body').textContent(), /\[redacted\]/);
  await page.locator('#rows tr').nth(1).click();
  await page.getByRole('tab', { name: 'JSON', exact: true }).click();
  assert.match(await page.locator('#detail .body').textContent(), /"id": "x"/);
  assert.deepEqual(server.errors, []);
});

test('binary bodies are shown as bytes, texts decoded', async () => {
  const content = (bytes) => ({ text: Buffer.from(bytes).toString('base64'), encoding: 'base64' });
  server.past = async () => [item(2, { response: { content: content('{"a":"é"}') } }), item(1, { response: { content: content([0x89, 0x50, 0xff, 0]) } })];
  await page.goto(origin);
  await page.locator('#rows tr').first().click();
  await page.getByRole('tab', { name: 'Response', exact: true }).click();
  assert.equal(await page.locator('#detail .body').textContent(), '{\n  "a": "é"\n}');
  await page.locator('#rows tr').last().click();
  await page.getByRole('tab', { name: 'Response', exact: true }).click();
  assert.match(await page.locator('#detail .body').textContent(), /^00000000 {2}89 50 ff 00 +\.P\.\.$/);
});

test('a thousand rows are kept', async () => {
  await page.goto(origin);
  (await open()).send(Array.from({ length: 1200 }, (_, i) => item(i)));
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 1000, undefined, settle);
  assert.equal((await summaries())[0], '/1199');
});
