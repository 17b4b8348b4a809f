// Products of two providers that are bought at once; and how many calls a month the buyer allows.

import { call, register, someone } from '../support/api.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { field, pressed, signIn, signOut } from '../support/portal.ts';
import { gateway, listAnOffering, makeKey, subscribe, terminate, unlist, until, type Listed } from '../support/shop.ts';

let one: Listed;
let other: Listed;
test.beforeAll(async () => {
  [one, other] = [await listAnOffering(), await listAnOffering()];
});
test.afterAll(async () => {
  for (const listed of [one, other]) if (listed) await unlist(listed);
});

test('two providers sell their products together, and one payment buys both', async ({ page, watch }) => {
  watch.allow(/status of (422|409)/);
  await signIn(page, one.provider);
  await page.goto(`/providers/${one.provider.organization}/bundles/`);
  await page.getByLabel('Its name').fill('Front desk');
  await page.getByLabel('Price of all, 49.00 USD').fill('cheap');
  await page.getByRole('button', { name: 'New bundle' }).click();
  await expect(page.getByRole('alert')).toContainText('Price must be a number');
  await page.getByLabel('Its name').fill('Front desk');
  await page.getByLabel('Price of all, 49.00 USD').fill('49 USD');
  await pressed(page, page.getByRole('button', { name: 'New bundle' }), 'Created.');
  await expect(page.getByRole('heading', { level: 1, name: 'Front desk' })).toBeVisible();
  // What is on sale is listed, the provider's own first; a long list has pages.
  await pressed(page, page.getByRole('row').filter({ hasText: one.name }).getByRole('button', { name: 'Put in' }).first(), 'Saved.');
  await page.getByRole('button', { name: 'Propose it' }).click();
  await expect(page.getByRole('alert')).toContainText('must be from 2 to 10 products');
  const bundle = new URL(page.url()).pathname.split('/').filter(Boolean).pop()!;
  await call('POST', `/api/marketplace-bundles/${bundle}/put/`, one.provider.token, { plan: other.paidPlan });
  await page.reload();
  await watch.axe(page, 'a bundle that is put together');
  await pictures(page, 'bundle-draft');
  await pressed(page, page.getByRole('button', { name: 'Propose it' }), 'Sent.');
  await expect(page.getByRole('row').filter({ hasText: other.name })).toContainText('Asked');
  await signOut(page);

  await signIn(page, other.provider);
  await page.goto(`/providers/${other.provider.organization}/bundles/`);
  await expect(page.getByRole('row').filter({ hasText: 'Front desk' })).toContainText('Waits for you');
  await page.getByRole('link', { name: 'Front desk' }).click();
  const mine = page.getByRole('row').filter({ hasText: other.name });
  await expect(mine).toContainText('$24.50');
  await pressed(page, mine.getByRole('button', { name: 'Agree' }), 'Saved.');
  await expect(page.getByText('On sale.')).toBeVisible();
  await pictures(page, 'bundle-agreed');
  await signOut(page);

  await page.goto('/marketplace/');
  await page.getByRole('link', { name: 'Bundles' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Bundles' })).toBeVisible();
  await page.locator(`a[href="/bundles/${bundle}/"]`).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Front desk' })).toBeVisible();
  await expect(page.getByText('You save $9')).toBeVisible();
  await watch.axe(page, 'a bundle');
  await pictures(page, 'bundle');
  await page.getByRole('link', { name: 'Sign in to order' }).click();

  const buyer = await register(someone('Bea Buyer'));
  await signIn(page, buyer);
  await page.goto(`/bundles/${bundle}/`);
  await page.getByRole('button', { name: /^Order for / }).click();
  await expect(page).toHaveURL(/\/sandbox-checkout\//);
  await expect(page.getByText('$49').first()).toBeVisible();
  await field(page, 'Card number').fill('4242 4242 4242 4242');
  await field(page, 'Expires').fill('12/34');
  await field(page, 'Security code').fill('123');
  await field(page, 'Name on card').fill('Bea Buyer');
  await page.getByRole('button', { name: /^Pay / }).click();
  await expect(page).toHaveURL(/\/marketplace-order\/|\/agents\//, { timeout: 30_000 });
  const orders = await call('GET', '/api/marketplace-orders/', buyer.token);
  expect(orders.length).toBe(2);
  for (const order of orders) await until(`/api/marketplace-orders/${order.uuid}/`, buyer.token, (row) => row.state === 'done');
  await page.goto(`/marketplace-order/${orders[0].uuid}/`);
  await expect(page.getByText('$49 in all')).toBeVisible();
  await pictures(page, 'bundle-order');
  await page.goto(`/organizations/${buyer.organization}/agents/`);
  await expect(page.getByText(one.name).first()).toBeVisible();
  await expect(page.getByText(other.name).first()).toBeVisible();
  await page.goto(`/organizations/${buyer.organization}/billing/invoices/`);
  await expect(page.getByRole('row').filter({ hasText: '$24.50' })).toHaveCount(2);
  await signOut(page);

  await signIn(page, other.provider);
  await page.goto(`/providers/${other.provider.organization}/revenue/`);
  await expect(page.getByRole('row').filter({ hasText: '$19.60' })).toContainText('$24.50');
  await page.goto(`/providers/${other.provider.organization}/bundles/${bundle}/`);
  await page.getByLabel('Why: who is in it reads it').fill('It was a test.');
  await pressed(page, page.getByRole('button', { name: 'Withdraw' }), 'Withdrawn.');
  const answer = await page.request.get(`/bundles/${bundle}/`, { headers: { cookie: '' } });
  expect([200, 404]).toContain(answer.status());
});

test('an owner caps the calls of a month, and the gateway keeps to it', async ({ page, watch }) => {
  watch.allow(/status of 422/);
  const mine = await subscribe(one.offering, one.freePlan);
  const { key, uuid } = await makeKey(mine);
  expect((await gateway('invoke/', { key, json: { input: 'hello' } })).status).toBe(200);
  await signIn(page, mine.buyer);
  await page.goto(`/organizations/${mine.buyer.organization}/billing/`);
  await page.getByRole('link', { name: 'Caps' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Caps' })).toBeVisible();
  const row = page.getByRole('row').filter({ hasText: 'Tests' });
  await row.getByLabel('Calls a month').fill('many');
  await row.getByRole('button', { name: 'Set' }).click();
  await expect(page.getByRole('alert')).toContainText('whole number');
  await row.getByLabel('Calls a month').fill('2');
  await pressed(page, row.getByRole('button', { name: 'Set' }), 'Saved.');
  await expect(row).toContainText('1');
  expect((await gateway('invoke/', { key, json: { input: 'hello' } })).status).toBe(200);
  const refused = await gateway('invoke/', { key, json: { input: 'hello' } });
  expect(refused.status).toBe(402);
  expect(refused.body.error).toBe('cap_reached');
  await page.reload();
  await expect(row).toContainText('None');
  await watch.axe(page, 'the caps');
  await pictures(page, 'caps');
  // It is taken away.
  await row.getByLabel(/Calls a month/).fill('');
  await pressed(page, row.getByRole('button', { name: 'Set' }), 'Saved.');
  expect((await gateway('invoke/', { key, json: { input: 'hello' } })).status).toBe(200);
  const caps = await call('GET', `/api/customers/${mine.buyer.organization}/caps/`, mine.buyer.token);
  expect(caps.find((cap: any) => cap.scope_uuid === uuid)).toMatchObject({ scope: 'key', used: 3, calls: null });
  await terminate(mine);
});
