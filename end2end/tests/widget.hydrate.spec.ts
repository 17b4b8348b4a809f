// The snippet in a page of another origin: a visitor of that page chats with the agent, and nobody
// does on a page that is not on the buyer's list.

import { call } from '../support/api.ts';
import { answerTo, modelFlow } from '../support/flow.ts';
import { serveSite, type Site } from '../support/hosts.ts';
import { expect, pictures, test, type Page } from '../support/journey.ts';
import { field, pressed, signIn } from '../support/portal.ts';
import { gateway, listAnOffering, makeKey, subscribe, terminate, unlist, until, type Listed, type Subscribed } from '../support/shop.ts';

const base = (process.env.BASE_URL ?? 'http://127.0.0.1:3000').replace(/\/$/, '');

let listed: Listed;
let subscribed: Subscribed;
let site: Site;
let snippet = '';
test.beforeAll(async () => {
  const loader = await fetch(`${base}/widget/loader.js`);
  test.skip(loader.status === 404, `${base}/widget/loader.js is not there: this deployment was built without the widget (cargo xtask web)`);
  site = await serveSite();
  listed = await listAnOffering();
  subscribed = await subscribe(listed.offering, listed.paidPlan);
});
test.afterAll(async () => {
  if (subscribed) await terminate(subscribed);
  if (listed) await unlist(listed);
  await site?.stop();
});

/** The chat inside the page's widget. */
const chatOf = (page: Page) => page.locator('gsv-widget iframe').contentFrame();

async function open(page: Page): Promise<void> {
  await page.locator('gsv-widget').getByRole('button', { name: 'Chat' }).click();
  await expect(chatOf(page).getByRole('textbox', { name: 'Write a message' })).toBeVisible();
}

async function say(page: Page, text: string): Promise<void> {
  const chat = chatOf(page);
  await chat.getByRole('textbox', { name: 'Write a message' }).fill(text);
  await chat.getByRole('button', { name: 'Send' }).click();
}

test.describe.configure({ mode: 'serial' });

test('a buyer names their site and gets the snippet', async ({ page }) => {
  await signIn(page, subscribed.buyer);
  const agent = `/organizations/${subscribed.buyer.organization}/agents/${subscribed.config}/`;
  await page.goto(`${agent}persona/`);
  await field(page, 'Name').fill('Polly');
  await field(page, 'Greeting').fill('Squawk! Ask me anything.');
  await pressed(page, page.getByRole('button', { name: 'Save' }), 'Saved.');
  await page.goto(`${agent}widget/`);
  await field(page, 'Sites').fill(site.origin('shop'));
  await pressed(page, page.getByRole('button', { name: 'Save' }), 'The list of pages is saved.');
  snippet = await page.getByRole('group', { name: 'HTML' }).innerText();
  expect(snippet).toContain('GSVWidget');
  expect(snippet).toContain('ar_pk_live_');
  expect(snippet).not.toContain('ar_sk_');
});

test('a visitor of the site chats with the agent, and the answer streams in', async ({ page, watch }) => {
  site.paste(snippet);
  const asked: string[] = [];
  page.on('request', (request) => {
    if (new URL(request.url()).origin === base) asked.push(new URL(request.url()).pathname);
  });
  await page.goto(site.origin('shop'));
  await expect(page.locator('gsv-widget').getByRole('button', { name: 'Chat' })).toBeVisible();
  expect(asked, 'the loader is the only request before the chat is opened').toEqual(['/widget/loader.js']);

  await open(page);
  await expect(chatOf(page).getByRole('heading', { name: 'Polly' })).toBeVisible();
  await expect(chatOf(page).getByRole('log')).toContainText('Squawk! Ask me anything.');
  const answering = page.waitForResponse((response) => response.url().endsWith('/api/agent-gateway/invoke/') && response.request().method() === 'POST');
  await say(page, 'how are you?');
  const answer = await answering;
  expect(answer.status()).toBe(200);
  expect(answer.headers()['content-type']).toContain('text/event-stream');
  await expect(chatOf(page).getByRole('log')).toContainText(answerTo('how are you?'));
  await watch.axe(page, 'a site with the chat open');
  await pictures(page, 'widget-open');
  expect(asked.join(' '), 'no key in an address').not.toContain('ar_pk_');
});

test('the conversation is kept over a reload, and the keyboard closes the chat', async ({ page }) => {
  await page.goto(site.origin('shop'));
  await open(page);
  await say(page, 'remember me');
  await expect(chatOf(page).getByRole('log')).toContainText(answerTo('remember me'));
  await page.reload();
  await open(page);
  await expect(chatOf(page).getByRole('log')).toContainText('remember me');
  await expect(chatOf(page).getByRole('log')).toContainText(answerTo('remember me'));
  await chatOf(page).getByRole('textbox', { name: 'Write a message' }).press('Escape');
  await expect(page.locator('gsv-widget').getByRole('button', { name: 'Chat' })).toHaveAttribute('aria-expanded', 'false');
});

test('what a visitor of the site said is seen in usage', async ({ page }) => {
  await signIn(page, subscribed.buyer);
  await page.goto(`/organizations/${subscribed.buyer.organization}/agents/${subscribed.config}/usage/`);
  const calls = page.getByRole('group', { name: 'The last calls' });
  await expect(calls.getByRole('row').filter({ hasText: 'Answered' }).first()).toContainText('Widget');
});

test('a page that is not on the list gets no chat, and says so', async ({ page, watch }) => {
  watch.allow(/frame-ancestors|violates|Refused to|403|chrome-error/);
  site.paste(snippet);
  await page.goto(site.origin('elsewhere'));
  await page.locator('gsv-widget').getByRole('button', { name: 'Chat' }).click();
  await expect(page.locator('gsv-widget').getByRole('alert')).toContainText('Chat cannot be reached here', { timeout: 25_000 });
  await expect(page.locator('gsv-widget iframe')).toHaveCount(0);
});

test('the key of the snippet is worth nothing elsewhere', async () => {
  const key = /ar_pk_live_[\w-]+/.exec(snippet)?.[0] ?? '';
  expect(key).toBeTruthy();
  const opening = (origin?: string) =>
    gateway('session/', {
      json: { config_id: subscribed.config, key, parent_origin: site.origin('elsewhere') },
      headers: origin ? { origin } : {},
    });
  expect((await opening(site.origin('elsewhere'))).status).toBe(403);
  expect((await opening(base)).status).toBe(403);
  const invoked = await gateway('invoke/', { key, json: { input: 'hello' }, headers: { origin: site.origin('elsewhere') } });
  expect(invoked.status).toBe(403);
});

test('a session token can neither change the flow nor speak in another conversation', async () => {
  const key = /ar_pk_live_[\w-]+/.exec(snippet)?.[0] ?? '';
  const origin = site.origin('shop');
  const opened = await gateway('session/', { json: { config_id: subscribed.config, key, parent_origin: origin }, headers: { origin } });
  expect(opened.status).toBe(200);
  const speak = (json: object) => gateway('invoke/', { key: opened.body.token, json, headers: { origin } });
  expect((await speak({ input: 'hello' })).body.output).toBe(answerTo('hello'));
  expect((await speak({ input: 'hello', session_id: 's-of-another' })).status).toBe(403);
  expect((await speak({ input: 'hello', tweaks: { 'Prompt-b': { template: 'I am hijacked' } } })).status).toBe(403);
});

test('a secret key in a page is answered only with that page on its list, and the buyer is told', async ({ page }) => {
  const made = await makeKey(subscribed, { name: 'Pasted by mistake', allowed_origins: [site.origin('shop')] });
  const from = (origin: string) => gateway('invoke/', { key: made.key, json: { input: 'hello' }, headers: { origin } });
  expect((await from(site.origin('elsewhere'))).status).toBe(403);
  expect((await from(site.origin('shop'))).status).toBe(200);
  await signIn(page, subscribed.buyer);
  await page.goto(`/organizations/${subscribed.buyer.organization}/agents/${subscribed.config}/keys/`);
  await expect(page.getByRole('row').filter({ hasText: 'Pasted by mistake' })).toContainText('Seen in a browser');
});

test('the chat is a page of its own too, which works without scripts', async ({ browser, watch }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  watch.also(context);
  const page = await context.newPage();
  await page.goto(`/chat/${subscribed.config}`);
  await page.getByRole('textbox', { name: 'Write a message' }).fill('no scripts here');
  await page.getByRole('button', { name: 'Send' }).click();
  await expect(page.getByRole('log')).toContainText(answerTo('no scripts here'));
  await context.close();
});

test('a page can open, hear and remove the chat by itself', async ({ page }) => {
  await page.goto(site.origin('shop'));
  const heard = await page.evaluate(async () => {
    const widget = (globalThis as any).GSVWidget;
    const events: string[] = [];
    widget.on('open', () => events.push('open'));
    widget.on('close', () => events.push('close'));
    widget.open();
    widget.close();
    return events;
  });
  expect(heard).toEqual(['open', 'close']);
  await page.evaluate(() => (globalThis as any).GSVWidget.destroy());
  await expect(page.locator('gsv-widget')).toHaveCount(0);
});

test('visitors are told which documents an answer is from, where the buyer says so', async ({ page }) => {
  test.setTimeout(90_000);
  const reader = await listAnOffering(modelFlow());
  const bought = await subscribe(reader.offering, reader.freePlan);
  const config = `/api/customer-agent-configs/${bought.config}/`;
  const { token } = bought.buyer;
  const given = await call('POST', `${config}training_documents/`, token, {
    question: 'What is the fee for opened_kayaks?',
    answer: 'The restocking fee for opened kayaks is 17 percent.',
  });
  await until(`/api/training-documents/${given.uuid}/`, token, (document) => document.state === 'ready');
  const origin = site.origin('shop');
  await call('PATCH', config, token, { allowed_origins: [origin], show_citations: true });
  await makeKey(bought, { name: 'Widget', kind: 'publishable', scopes: ['invoke'], allowed_origins: [origin] });
  site.paste((await call('GET', `${config}widget_embed/`, token)).embed_code);

  await page.goto(origin);
  await open(page);
  await say(page, 'What is the restocking fee for opened kayaks?');
  const log = chatOf(page).getByRole('log');
  await expect(log).toContainText('17 percent');
  await expect(log).toContainText('Sources: What is the fee for opened_kayaks?');
  await page.reload();
  await open(page);
  await expect(log).toContainText('Sources: What is the fee for opened_kayaks?');
  await terminate(bought);
  await unlist(reader);
});
