// A visitor looks around: no account, and nothing that needs JavaScript.

import { offeringNamed } from '../support/api.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { field } from '../support/portal.ts';

test('the first page leads to the marketplace', async ({ page, watch }) => {
  await page.goto('/');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('AI agents, ready to work.');
  await watch.axe(page, 'the first page');
  await pictures(page, 'landing');
  await page.getByRole('main').getByRole('link', { name: 'Browse the marketplace' }).first().click();
  await expect(page).toHaveURL(/\/marketplace\/$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Marketplace' })).toBeVisible();
});

test('the search on the first page finds an agent', async ({ page }) => {
  await page.goto('/');
  const search = page.getByRole('searchbox', { name: 'What should the agent do?' });
  await search.fill('support');
  await search.press('Enter');
  await expect(page).toHaveURL(/search=support/);
  await expect(page.getByRole('link', { name: 'Customer Support Agent' })).toBeVisible();
});

test('a visitor filters the marketplace by category', async ({ page, watch }) => {
  await page.goto('/marketplace/');
  await watch.axe(page, 'the marketplace');
  await pictures(page, 'marketplace');
  await page.getByRole('radio', { name: /^\s*Automations/ }).check();
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page).toHaveURL(/category=automations/);
  await expect(page.getByRole('heading', { level: 1, name: 'Automations' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Email Responder' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Code Review Agent' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Clear' }).click();
  await expect(page).toHaveURL(/\/marketplace\/$/);
  await expect(page.getByRole('heading', { level: 1, name: 'Marketplace' })).toBeVisible();
});

test('a visitor searches, and a search that finds nothing says what to do', async ({ page, watch }) => {
  await page.goto('/marketplace/');
  const search = page.getByRole('main').getByRole('searchbox', { name: 'Search' });
  await search.fill('code review');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Results for “code review”');
  await expect(page.getByRole('link', { name: 'Code Review Agent' })).toBeVisible();
  await page.goto('/marketplace/?search=zebra%20crossing%20zzz');
  await expect(page.getByText('Nothing fits that')).toBeVisible();
  await watch.axe(page, 'a search without results');
  await page.getByRole('link', { name: 'Show everything' }).click();
  await expect(page).toHaveURL(/\/marketplace\/$/);
});

test('the list can be sorted', async ({ page, javaScript }) => {
  await page.goto('/marketplace/?search=a');
  // A live page sorts when a choice is made; any other has a button for it.
  if (javaScript) await expect(page.locator('html')).toHaveAttribute('data-live', /.*/);
  await page.getByLabel('Sort by').selectOption('name');
  if (!javaScript) await page.getByRole('button', { name: 'Sort' }).click();
  await expect(page).toHaveURL(/sort=name/);
  await expect(page).toHaveURL(/search=a/);
  await expect(page.getByLabel('Sort by')).toHaveValue('name');
  await expect(async () => {
    const names = await page.getByRole('main').getByRole('article').getByRole('heading', { level: 2 }).allTextContents();
    expect(names.length).toBeGreaterThan(1);
    expect(names).toEqual([...names].sort((one, other) => one.toLowerCase().localeCompare(other.toLowerCase())));
  }).toPass({ timeout: 10_000 });
});

test('a category has a page of its own', async ({ page, watch }) => {
  await page.goto('/marketplace-category/assistants/');
  await expect(page.getByRole('heading', { level: 1, name: 'Assistants' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'General Knowledge' })).toBeVisible();
  await watch.axe(page, 'a category');
  await pictures(page, 'category');
});

test('a visitor reads an offering and compares its plans', async ({ page, watch }) => {
  await page.goto('/marketplace/');
  await page.getByRole('link', { name: 'Customer Support Agent' }).first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Customer Support Agent' })).toBeVisible();
  await expect(page).toHaveTitle(/Customer Support Agent/);
  for (const part of ['Plans', 'Try it now', 'About it', 'Reviews']) {
    await expect(page.getByRole('heading', { level: 2, name: part, exact: true })).toBeVisible();
  }
  await page.getByText('Compare plans').click();
  const table = page.getByRole('table', { name: 'Plans compared' });
  await expect(table.getByRole('rowheader', { name: 'Price' })).toBeVisible();
  expect(await table.getByRole('columnheader').count()).toBeGreaterThan(1);
  await expect(page.getByRole('link', { name: /^(Choose|Start) / }).first()).toBeVisible();
  await watch.axe(page, 'an offering');
  await pictures(page, 'offering');
});

test('the demo answers a visitor', async ({ page }) => {
  const offering = await offeringNamed('General Knowledge');
  await page.goto(`/marketplace-public-offering/${offering.uuid}/`);
  const chat = page.getByRole('region', { name: 'Chat with General Knowledge' });
  await chat.getByLabel('Your message').fill('Hello, what can you do?');
  await chat.getByRole('button', { name: 'Send' }).click();
  const log = page.getByRole('log', { name: 'Conversation' });
  await expect(log.locator('.msg--user')).toContainText('Hello, what can you do?');
  const answer = log.locator('.msg--user ~ .msg--agent').last();
  await expect(answer).toHaveText(/Agent:\s*\S.{10,}/s);
  await expect(log.locator('.msg--error')).toHaveCount(0);
});

test('a visitor tries a product on a file of their own, and deletes it', async ({ page, watch, javaScript }) => {
  const offering = await offeringNamed('General Knowledge');
  await page.goto(`/marketplace-public-offering/${offering.uuid}/`);
  const demo = page.locator('#demo');
  const send = async (name: string, text: string) => {
    const files = demo.getByLabel('Try it on your own documents');
    await files.setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
    // A live page sends it as soon as it is chosen.
    if (!javaScript) await demo.getByRole('button', { name: 'Upload' }).click();
  };
  await pictures(page, 'offering-own-files');
  await send('scan.txt', '  \n ');
  await expect(demo.getByRole('alert')).toContainText('scan.txt cannot be read');
  await send('kayaks.txt', 'The restocking fee for opened kayaks is 17 percent.');
  await expect(demo.getByRole('list', { name: 'Your files' })).toContainText('kayaks.txt');
  await watch.axe(page, 'a product with a file of the visitor');

  await demo.getByLabel('Your message').fill('What is the restocking fee for opened kayaks?');
  await demo.getByRole('button', { name: 'Send' }).click();
  await expect(demo.getByRole('log')).toContainText('17 percent');
  // A page without scripts shows the conversation as it is kept, without its sources.
  if (javaScript) await expect(demo.getByRole('list', { name: 'Sources' })).toContainText('kayaks.txt');
  await pictures(page, 'offering-own-files-answered');

  await demo.getByRole('button', { name: 'Delete them now' }).click();
  await expect(demo.getByLabel('Try it on your own documents')).toBeVisible();
  await expect(demo.getByRole('list', { name: 'Your files' })).toHaveCount(0);
});

test('an address that leads nowhere says so', async ({ page, watch }) => {
  watch.allow(/404/);
  const response = await page.goto('/marketplace-public-offering/00000000000000000000000000000000/');
  expect(response?.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1, name: 'There is nothing here' })).toBeVisible();
  await watch.axe(page, 'a page that is missing');
});

test('a page of an organization sends a visitor to the sign-in page and back', async ({ page, watch }) => {
  await page.goto('/organizations/00000000000000000000000000000000/agents/');
  await expect(page).toHaveURL(/\/login\/\?next=/);
  await expect(field(page, 'E-mail')).toBeVisible();
  await watch.axe(page, 'the sign-in page');
  await pictures(page, 'login');
});
