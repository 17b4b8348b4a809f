// What a visitor's page does once it is live: the demo streams in, and lists change without a reload.

import { offeringNamed } from '../support/api.ts';
import { expect, pictures, test } from '../support/journey.ts';

test('the demo streams its answer into the page', async ({ page, watch }) => {
  const offering = await offeringNamed('Customer Support Agent');
  await page.goto(`/marketplace-public-offering/${offering.uuid}/`);
  await expect(page.locator('html')).toHaveAttribute('data-live', /.*/);
  const address = page.url();
  const chat = page.getByRole('region', { name: 'Chat with Customer Support Agent' });
  const answering = page.waitForResponse((response) => response.url().includes('/api/agent-gateway/demo/'));
  const draft = chat.getByLabel('Your message');
  await draft.fill('How do I get my money back?');
  await draft.press('Enter');
  const response = await answering;
  expect(response.status()).toBe(200);
  expect(response.headers()['content-type']).toContain('text/event-stream');
  const log = chat.getByRole('log', { name: 'Conversation' });
  await expect(log.locator('.msg--user')).toContainText('How do I get my money back?');
  await expect(log.locator('.msg--user ~ .msg--agent')).toHaveText(/Agent:\s*\S.{10,}/s);
  await expect(log.locator('.msg--error')).toHaveCount(0);
  await expect(draft).toHaveValue('');
  expect(page.url()).toBe(address);
  await watch.axe(page, 'a demo that has answered');
  await pictures(page, 'demo');
});

test('the demo remembers what was said before', async ({ page }) => {
  const offering = await offeringNamed('General Knowledge');
  await page.goto(`/marketplace-public-offering/${offering.uuid}/`);
  await expect(page.locator('html')).toHaveAttribute('data-live', /.*/);
  const sessions: (string | undefined)[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/api/agent-gateway/demo/')) sessions.push(request.postDataJSON().session_id);
  });
  const chat = page.getByRole('region', { name: 'Chat with General Knowledge' });
  for (const [index, text] of ['Hello.', 'And again.'].entries()) {
    await chat.getByLabel('Your message').fill(text);
    await chat.getByRole('button', { name: 'Send' }).click();
    await expect(chat.locator('.msg--user ~ .msg--agent')).toHaveCount(index + 1);
    await expect(chat.locator('.msg--user ~ .msg--agent').last()).toHaveText(/Agent:\s*\S.{5,}/s);
    await expect(chat.getByRole('button', { name: 'Send' })).not.toHaveAttribute('aria-busy', 'true');
  }
  expect(sessions[0]).toBeFalsy();
  expect(sessions[1]).toBeTruthy();
});

test('a question to start with is asked by pressing it', async ({ page }) => {
  const offering = await offeringNamed('Customer Support Agent');
  await page.goto(`/marketplace-public-offering/${offering.uuid}/`);
  await expect(page.locator('html')).toHaveAttribute('data-live', /.*/);
  const chat = page.getByRole('region', { name: 'Chat with Customer Support Agent' });
  const starter = chat.locator('.chat__starters').getByRole('button').first();
  const question = (await starter.innerText()).trim();
  await starter.click();
  await expect(chat.locator('.msg--user')).toContainText(question);
  await expect(chat.locator('.msg--user ~ .msg--agent')).toHaveText(/Agent:\s*\S.{10,}/s);
  await expect(starter).toBeHidden();
});

test('a list is filtered without loading the page anew', async ({ page }) => {
  await page.goto('/marketplace/');
  await expect(page.locator('html')).toHaveAttribute('data-live', /.*/);
  await page.evaluate(() => {
    (globalThis as any).stillHere = true;
  });
  await page.getByRole('radio', { name: /^\s*Assistants/ }).check();
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Assistants' })).toBeVisible();
  await page.getByRole('link', { name: 'General Knowledge' }).first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'General Knowledge' })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Assistants' })).toBeVisible();
  expect(await page.evaluate(() => (globalThis as any).stillHere)).toBe(true);
});
