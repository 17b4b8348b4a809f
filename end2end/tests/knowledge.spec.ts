// A buyer gives an agent documents: it answers from them, says where it read it, and forgets what is deleted.

import { call } from '../support/api.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { modelFlow } from '../support/flow.ts';
import { card, field, pressed, signIn } from '../support/portal.ts';
import { listAnOffering, subscribe, terminate, unlist, type Listed } from '../support/shop.ts';

let listed: Listed;
test.beforeAll(async () => {
  listed = await listAnOffering(modelFlow());
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

const handbook = `# Handbook of Birch & Sons

## Returns

The restocking fee for opened kayaks is 17 percent.

## Parking

Visitors park behind the sawmill.
`;

test('an agent answers from a document, says where it read it, and forgets it', async ({ page, watch, javaScript }) => {
  test.setTimeout(120_000);
  const bought = await subscribe(listed.offering, listed.freePlan);
  const agent = `/organizations/${bought.buyer.organization}/agents/${bought.config}/`;
  const documents = page.getByRole('group', { name: 'Documents' });
  const row = (name: string) => documents.getByRole('row').filter({ hasText: name });
  /** Waits for a state; a page that is not live is loaded anew for it. */
  const becomes = (name: string, state: string) =>
    expect(async () => {
      if (!javaScript) await page.goto(`${agent}training/`);
      await expect(row(name)).toContainText(state, { timeout: 1_000 });
    }).toPass({ timeout: 30_000 });

  await test.step('the page says what to do', async () => {
    await signIn(page, bought.buyer);
    await page.goto(agent);
    await page.getByRole('navigation', { name: 'Pages of this agent' }).getByRole('link', { name: 'Training' }).click();
    await expect(page.getByText('Nothing to read yet')).toBeVisible();
    await watch.axe(page, 'the training page without documents');
    await pictures(page, 'training-empty');
  });

  await test.step('send two files, of which one holds no text', async () => {
    await page.getByLabel('Drop files here').setInputFiles([
      { name: 'handbook.md', mimeType: 'text/markdown', buffer: Buffer.from(handbook) },
      { name: 'scan.txt', mimeType: 'text/plain', buffer: Buffer.from('  \n  ') },
    ]);
    // A live page sends them as soon as they are chosen.
    if (!javaScript) await page.getByRole('button', { name: 'Upload' }).click();
    await expect(row('handbook.md')).toBeVisible();
    await becomes('handbook.md', 'Ready');
    await becomes('scan.txt', 'Failed');
    await expect(row('scan.txt')).toContainText('holds no text');
  });

  await test.step('add an answer', async () => {
    const form = card(page, 'Add an answer');
    await field(form, 'Question').fill('Do you ship to islands?');
    await field(form, 'Answer').fill('Yes, with the mail boat on Tuesdays.');
    await pressed(page, form.getByRole('button', { name: 'Add the answer' }), 'Taken. It is being read.');
    await becomes('Do you ship to islands?', 'Ready');
    await watch.axe(page, 'the training page');
  });

  await test.step('an address of the inside is refused with a reason, and goes with its pages', async () => {
    const form = card(page, 'Add web pages');
    await field(form, 'Address').fill('http://127.0.0.1:1/help/');
    await field(form, 'Read again').selectOption('every day');
    await pressed(page, form.getByRole('button', { name: 'Add the pages' }), 'Taken. It is being read.');
    await becomes('127.0.0.1', 'Failed');
    await expect(row('127.0.0.1')).toContainText('not an address of the public internet');
    const sites = page.getByRole('group', { name: 'Web pages' });
    await expect(sites.getByRole('row').filter({ hasText: '127.0.0.1' })).toContainText('1 page, 1 failed');
    await expect(sites).toContainText('Every day, next');
    await watch.axe(page, 'the training page with web pages');
    await pictures(page, 'training-pages');
    await pressed(page, sites.getByRole('button', { name: 'Delete' }), 'Deleted.');
    await expect(row('127.0.0.1')).toHaveCount(0);
  });

  await test.step('see what a question would find', async () => {
    const search = card(page, 'What would it find?');
    await search.getByRole('searchbox').fill('where to park');
    await search.getByRole('button', { name: 'Search' }).click();
    await expect(search.getByRole('listitem').first()).toContainText('Visitors park behind the sawmill');
    await expect(search.locator('mark').first()).toBeVisible();
    await pictures(page, 'training');
  });

  await test.step('ask, and follow the source to its passage', async () => {
    await page.goto(`${agent}chat/`);
    await page.getByRole('textbox', { name: 'Your message' }).fill('What is the restocking fee for opened kayaks?');
    await page.getByRole('button', { name: 'Send' }).click();
    const log = page.getByRole('log');
    await expect(log).toContainText('17 percent');
    const sources = log.getByRole('list', { name: 'Sources' });
    await pictures(page, 'test-chat-sources');
    await sources.getByRole('link', { name: 'handbook.md' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'handbook.md' })).toBeVisible();
    await expect(page.locator('.passage:target')).toContainText('17 percent');
    await watch.axe(page, 'what was read of a document');
    await pictures(page, 'document');
  });

  await test.step('what is in no document is listed', async () => {
    await page.goto(`${agent}chat/`);
    await page.getByRole('textbox', { name: 'Your message' }).fill('Do you rent out helicopters?');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect(page.getByRole('log')).toContainText('helicopters');
    await expect(async () => {
      await page.goto(`${agent}training/`);
      await expect(card(page, 'Asked, and not found')).toContainText('do you rent out helicopters?', { timeout: 1_000 });
    }).toPass({ timeout: 15_000 });
  });

  await test.step('delete it, and ask again', async () => {
    await pressed(page, row('handbook.md').getByRole('button', { name: 'Delete' }), 'Deleted.');
    await expect(row('handbook.md')).toHaveCount(0);
    await page.goto(`${agent}chat/`);
    await page.getByRole('textbox', { name: 'Your message' }).fill('Tell me the restocking fee for opened kayaks again?');
    await page.getByRole('button', { name: 'Send' }).click();
    const answers = page.getByRole('log').locator('.msg--agent');
    await expect(page.getByRole('log')).toContainText('fee for opened kayaks again?');
    await expect(answers.last()).not.toContainText('17 percent');
    await expect(answers.last().getByRole('list', { name: 'Sources' })).toHaveCount(0);
  });

  await terminate(bought);
});

test('a plan bounds the documents that an agent answers from, and says so', async ({ page, javaScript }) => {
  const { token } = listed.provider;
  const plan = await call('POST', '/api/marketplace-plans/', token, {
    offering: listed.offering, name: 'One document', unit_price: 0, document_limit: 1,
  });
  const bought = await subscribe(listed.offering, plan.uuid);
  await signIn(page, bought.buyer);
  await page.goto(`/organizations/${bought.buyer.organization}/agents/${bought.config}/training/`);
  const send = async (name: string, text: string) => {
    await page.getByLabel('Drop files here').setInputFiles([{ name, mimeType: 'text/markdown', buffer: Buffer.from(text) }]);
    if (!javaScript) await page.getByRole('button', { name: 'Upload' }).click();
  };
  await send('first.md', '# Parking\n\nBehind the sawmill.\n');
  await expect(page.getByRole('row').filter({ hasText: 'first.md' })).toBeVisible();
  await send('second.md', '# Mooring\n\nAt the pier.\n');
  await expect(page.getByText(/plan has (1|one) document/).first()).toBeVisible();
  await expect(page.getByRole('row').filter({ hasText: 'second.md' })).toHaveCount(0);
  await pictures(page, 'training-full');
  await terminate(bought);
});
