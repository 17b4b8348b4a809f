// A provider signs up, asks to sell, imports a flow, makes a listing with plans, and is listed; the
// operator decides in between. One person a context, as in life.

import { operator, requireOperator, someone } from '../support/api.ts';
import { flow } from '../support/flow.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { card, field, pressed, signIn } from '../support/portal.ts';

test('a provider is approved, imports a flow, and its listing is approved', async ({ page, browser, javaScriptEnabled, watch }) => {
  test.setTimeout(180_000);
  requireOperator();
  const person = someone('Petra Provider');
  const product = `Parrot ${person.email.split('.').at(-2)?.split('@')[0]}`;
  const office = await (await browser.newContext({ javaScriptEnabled })).newPage();
  watch.also(office.context());
  await signIn(office, operator);

  await test.step('sign up', async () => {
    await page.goto('/register/');
    await watch.axe(page, 'the sign-up page');
    await field(page, 'Your name').fill(person.name);
    await field(page, 'E-mail').fill(person.email);
    await field(page, 'Password').fill(person.password);
    await page.getByRole('button', { name: 'Create account' }).click();
    await expect(page).toHaveURL(/\/organizations\/[0-9a-f]{32}\/$/);
    await watch.axe(page, 'the dashboard of a new organization');
    await pictures(page, 'organization');
  });
  const organization = page.url().match(/[0-9a-f]{32}/)?.[0] ?? '';

  await test.step('apply', async () => {
    await page.getByRole('navigation', { name: 'Organization', exact: true }).getByRole('link', { name: 'Start selling' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Start selling' })).toBeVisible();
    await watch.axe(page, 'the application');
    await field(page, 'What you make').fill(`Parrots that repeat what they are told. Asked for by ${person.email}.`);
    await field(page, 'Web site').fill('https://parrots.example');
    await page.getByRole('button', { name: 'Apply', exact: true }).click();
    await expect(page.getByText('Your application is being read')).toBeVisible();
  });

  await test.step('the operator approves the provider', async () => {
    await office.goto('/admin/');
    await watch.axe(office, 'the operator’s first page');
    await pictures(office, 'admin');
    await office.goto('/admin/applications/');
    await watch.axe(office, 'the applications');
    const application = office.locator('section').filter({ hasText: person.email });
    await application.getByRole('button', { name: 'Approve' }).click();
    await expect(office.getByRole('status').filter({ hasText: 'Approved.' })).toBeVisible();
  });

  await test.step('make an agent', async () => {
    await page.goto(`/organizations/${organization}/sell/`);
    await page.getByRole('link', { name: 'Go to your agents' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Agents' })).toBeVisible();
    await watch.axe(page, 'a provider’s agents, of which there are none');
    await page.getByRole('link', { name: 'Make an agent' }).first().click();
    await field(page, 'Name').fill(product);
    await page.getByRole('radio', { name: /^\s*Assistants/ }).check();
    await field(page, 'In a sentence').fill('Repeats politely.');
    await watch.axe(page, 'making an agent');
    await pressed(page, page.getByRole('button', { name: 'Make it' }), 'Created.');
    await expect(page.getByRole('heading', { level: 1, name: product })).toBeVisible();
    await expect(page.getByText('No flow yet')).toBeVisible();
  });

  await test.step('a paste that is no flow is refused, and says why', async () => {
    watch.allow(/status of 4\d\d/);
    await field(page, 'Flow as JSON').fill('{"name": "not a flow"}');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await expect(page.getByRole('alert')).toBeVisible();
    await expect(page.getByText('No flow yet')).toBeVisible();
  });

  await test.step('paste a flow and read its report', async () => {
    await field(page, 'Flow as JSON').fill(JSON.stringify(flow()));
    await pressed(page, page.getByRole('button', { name: 'Import', exact: true }), 'The flow is imported.');
    await expect(page.getByText('It runs here')).toBeVisible();
    await expect(page.getByText('3 components, 2 connections')).toBeVisible();
    await expect(page.getByRole('img', { name: 'The flow Parrot with manners with 3 components' })).toBeVisible();
    for (const component of ['ChatInput', 'Prompt', 'ChatOutput']) {
      await expect(page.getByRole('cell', { name: new RegExp(component) }).first()).toBeVisible();
    }
    await watch.axe(page, 'an agent with its report');
    await pictures(page, 'provider-agent');
  });

  await test.step('import a file as the next version', async () => {
    await page.getByLabel('Langflow export').setInputFiles({
      name: 'parrot.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(flow('You told me: {question}'))),
    });
    await page.getByRole('button', { name: 'Import the file' }).click();
    await expect(page.getByRole('heading', { name: 'Version 2: what is in the flow' })).toBeVisible();
  });

  await test.step('look at its runs, of which there are none', async () => {
    const agent = page.url();
    await page.getByRole('link', { name: 'Runs' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Runs' })).toBeVisible();
    await expect(page.getByText('No runs')).toBeVisible();
    await watch.axe(page, 'the runs of an agent');
    await page.goto(agent);
  });

  await test.step('make a listing with two plans', async () => {
    await page.getByRole('button', { name: 'Make a listing' }).click();
    await expect(page).toHaveURL(/\/offerings\/[0-9a-f]{32}\//);
    await expect(page.getByText('Before you can submit it')).toBeVisible();
    const words = card(page, 'What buyers read');
    await field(words, 'In a sentence').fill('Repeats politely.');
    await field(words, 'Description').fill('# Parrot\n\nSays what you say, word by word, and never loses its manners.');
    await field(words, 'Questions to start with').fill('Who are you?\nWhat do you say?');
    await field(words, 'Artwork').selectOption({ label: 'Books' });
    await pressed(page, words.getByRole('button', { name: 'Save' }), 'Saved.');
    const plans = card(page, 'Plans');
    for (const [name, price, quota] of [['Free', '0', '5'], ['Starter', '29', '1000']] as const) {
      await field(plans, 'Plan').fill(name);
      await field(plans, 'Price').fill(price);
      await field(plans, 'Calls a month').fill(quota);
      await plans.getByRole('button').last().click();
      await expect(plans.getByRole('listitem').filter({ hasText: name })).toBeVisible();
    }
    await expect(page.getByText('Before you can submit it')).toHaveCount(0);
    watch.allow(/status of 422/);
    await field(plans, 'Plan').fill('Starter');
    await field(plans, 'Price').fill('39');
    await plans.getByRole('button').last().click();
    await expect(field(plans, 'Plan')).toHaveAttribute('aria-invalid', 'true');
    await expect(plans.getByRole('listitem')).toHaveCount(2);
    await watch.axe(page, 'a listing');
    await pictures(page, 'provider-offering');
  });

  await test.step('submit it', async () => {
    await field(page, 'A word to the operator').fill('Our first product.');
    await pressed(page, page.getByRole('button', { name: 'Submit for review' }), 'Submitted.');
    await expect(page.getByRole('button', { name: 'Take it back' })).toBeVisible();
    await page.goto(`/marketplace/?search=${encodeURIComponent(product)}`);
    await expect(page.getByRole('link', { name: product, exact: true })).toHaveCount(0);
  });

  await test.step('the operator reads it and approves', async () => {
    await office.goto('/admin/submissions/');
    await watch.axe(office, 'the submissions');
    await office.getByRole('link', { name: product, exact: true }).click();
    await expect(office.getByRole('heading', { level: 1, name: product })).toBeVisible();
    await expect(office.getByText('Our first product.')).toBeVisible();
    await expect(office.getByText('It runs here')).toBeVisible();
    await watch.axe(office, 'a submission');
    await pictures(office, 'admin-submission');
    await office.getByRole('button', { name: 'Approve' }).click();
    await expect(office.getByRole('status').filter({ hasText: 'Approved.' })).toBeVisible();
  });

  await test.step('it is listed', async () => {
    await page.goto(`/marketplace/?search=${encodeURIComponent(product)}`);
    await page.getByRole('link', { name: product, exact: true }).click();
    await expect(page.getByRole('heading', { level: 1, name: product })).toBeVisible();
    await expect(page.getByRole('heading', { level: 3, name: 'Starter' })).toBeVisible();
    await page.goto(`/providers/${organization}/offerings/`);
    await watch.axe(page, 'a provider’s offerings');
    await expect(page.getByText(product).first()).toBeVisible();
  });

  await test.step('the other pages of a provider', async () => {
    for (const rest of ['dashboard/', 'agents/', 'orders/', 'organizations/', 'revenue/', 'settings/']) {
      await page.goto(`/providers/${organization}/${rest}`);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await watch.axe(page, `the provider’s ${rest}`);
    }
  });

  await test.step('it is taken off again, so that the marketplace is as it was', async () => {
    await page.goto(`/providers/${organization}/offerings/`);
    await page.getByRole('link', { name: product }).first().click();
    await page.getByRole('button', { name: 'Unpublish' }).click();
    await expect(page.getByRole('button', { name: 'Submit for review' })).toBeVisible();
  });
  await office.context().close();
});

test('an application can be refused with a reason, and sent again', async ({ page, browser, javaScriptEnabled, watch }) => {
  requireOperator();
  const person = someone('Rita Refused');
  await page.goto('/register/');
  await field(page, 'Your name').fill(person.name);
  await field(page, 'E-mail').fill(person.email);
  await field(page, 'Password').fill(person.password);
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page).toHaveURL(/\/organizations\/[0-9a-f]{32}\/$/);
  const sell = `${page.url()}sell/`;
  await page.goto(sell);
  await field(page, 'What you make').fill(`Something that I cannot tell. Asked for by ${person.email}.`);
  await page.getByRole('button', { name: 'Apply', exact: true }).click();
  await expect(page.getByText('Your application is being read')).toBeVisible();

  const office = await (await browser.newContext({ javaScriptEnabled })).newPage();
  watch.also(office.context());
  await signIn(office, operator);
  await office.goto('/admin/applications/');
  const application = office.locator('section').filter({ hasText: person.email });
  await field(application, 'Reason, if not').fill('Tell us what it does.');
  await application.getByRole('button', { name: 'Refuse' }).click();
  await expect(office.getByRole('status').filter({ hasText: 'Refused' })).toBeVisible();
  await office.context().close();

  await page.goto(sell);
  await expect(page.getByRole('alert')).toContainText('Tell us what it does.');
  await field(page, 'What you make').fill('Parrots, and nothing but parrots, for every office.');
  await page.getByRole('button', { name: 'Apply', exact: true }).click();
  await expect(page.getByText('Your application is being read')).toBeVisible();
});
