// The dashboard in a real browser, against a running `hookline demo` whose address is in HOOKLINE_URL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

const url = process.env.HOOKLINE_URL;
const patience = { timeout: 60_000 };
let browser, page;

before(async () => {
  assert.ok(url, 'HOOKLINE_URL is not set');
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  page = await browser.newPage();
  page.setDefaultTimeout(patience.timeout);
  const failed = [];
  page.on('pageerror', (error) => failed.push(error.message));
  page.failed = failed;
  await page.goto(url);
});

after(async () => {
  await browser?.close();
});

const rows = () => page.locator('#rows tr');

test('rows appear as traffic is seen, coloured by the script', async () => {
  await page.locator('#rows tr.passed').first().waitFor();
  assert.equal(await page.locator('#state').textContent(), 'live');
  assert.equal(await page.locator('#empty').isHidden(), true);
});

test('an error in a filter is shown under its place, and the old filter stays', async () => {
  const before = await rows().count();
  await page.fill('#kfl', 'http and respnse.status == 5');
  await page.press('#kfl', 'Enter');
  await page.locator('#problem').waitFor();
  assert.match(await page.locator('#problem').textContent(), /unknown field `respnse` — did you mean `response`\?/);
  assert.equal(await page.locator('#caret').textContent(), ' '.repeat(9) + '^^^^^^^');
  const box = await page.evaluate(() => {
    const [input, caret] = [document.getElementById('kfl'), document.getElementById('caret')].map((e) => getComputedStyle(e));
    return [input.fontFamily === caret.fontFamily, input.fontSize === caret.fontSize];
  });
  assert.deepEqual(box, [true, true], 'the caret stands under its letter');
  assert.ok((await rows().count()) >= before);
});

test('a filter chooses rows', async () => {
  await page.fill('#kfl', 'request.method == "POST"');
  await page.press('#kfl', 'Enter');
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length > 0 && [...document.querySelectorAll('#rows tr')].every((r) => r.cells[2].textContent === 'POST'), undefined, patience);
  await page.fill('#kfl', 'request.method == "NOBODY"');
  await page.press('#kfl', 'Enter');
  await page.locator('#empty').waitFor();
  await page.fill('#kfl', '');
  await page.press('#kfl', 'Enter');
  await rows().first().waitFor();
});

test('a row shows its exchange, and a value becomes a filter', async () => {
  await rows().last().click();
  await page.locator('#detail h2').waitFor();
  await page.getByRole('tab', { name: 'Request', exact: true }).click();
  assert.match(await page.locator('#detail .view').textContent(), /User-Agent/);
  await page.getByRole('tab', { name: 'Response', exact: true }).click();
  assert.match(await page.locator('#detail .view').textContent(), /statusText/);
  await page.getByRole('tab', { name: 'JSON', exact: true }).click();
  const item = JSON.parse(await page.locator('#detail .view pre').textContent());
  assert.equal(item.protocol.name, 'http');
  await page.getByRole('tab', { name: 'Request', exact: true }).click();
  await page.getByLabel('Filter by request.method').click();
  assert.equal(await page.inputValue('#kfl'), `request.method == "${item.request.method}"`);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#detail').isHidden(), true);
});

test('keys move the selection and find the filter', async () => {
  await rows().first().waitFor();
  await page.locator('h1').click();
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#rows tr[aria-selected=true]').count(), 1);
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'kfl');
});

test('plugins show their state and cost, the console what scripts print', async () => {
  const plugin = page.locator('[data-plugin="http-errors"]');
  await plugin.waitFor();
  assert.match(await plugin.textContent(), /running/);
  assert.equal(await page.locator('[data-plugin]').count(), 5);
  await page.getByRole('tab', { name: 'Console' }).click();
  await page.locator('#console .line').first().waitFor();
  assert.match(await page.locator('#console').textContent(), /Scheduled the job: "report-packets"/);
});

test('the 500 becomes an alert with a link, and a red row', async () => {
  await page.fill('#kfl', 'response.status == 500');
  await page.press('#kfl', 'Enter');
  await page.locator('#rows tr.failed').first().waitFor();
  await page.getByRole('tab', { name: 'Alerts' }).click();
  const alert = page.locator('#alerts .link').first();
  await alert.waitFor();
  assert.match(await alert.textContent(), /500 from 127\.0\.0\.1:8888: GET \/comment\//);
  await alert.click();
  await page.locator('#detail h2').waitFor();
  assert.match(await page.locator('#detail h2').textContent(), /GET \/comment\//);
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
});

test('what comes from the network is shown as text', async () => {
  const hostile = '<img src=x onerror="document.title=\'owned\'">';
  await page.evaluate(async (text) => {
    const { el } = await import('./dom.js');
    document.body.append(el('p', { id: 'hostile' }, text));
  }, hostile);
  assert.equal(await page.locator('#hostile').textContent(), hostile);
  assert.equal(await page.locator('#hostile img').count(), 0);
  assert.equal(await page.title(), 'Hookline');
  const policy = (await page.request.get(url)).headers()['content-security-policy'];
  assert.match(policy, /script-src 'self'/);
});

test('nothing failed on the page', () => assert.deepEqual(page.failed, []));
