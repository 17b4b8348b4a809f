// What people do to forms on live pages: press twice, sit on them until they are signed out, pay in two tabs.
// Without JavaScript the browser itself drops the second press, and the page before keeps what was typed.

import { call, register, someone } from '../support/api.ts';
import { expect, test } from '../support/journey.ts';
import { field, signIn } from '../support/portal.ts';
import { listAnOffering, order, subscribe, unlist, until, type Listed } from '../support/shop.ts';

let listed: Listed;
test.beforeAll(async () => {
  listed = await listAnOffering();
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

test('a button that is pressed twice makes one key, and shows it', async ({ page }) => {
  const { buyer, config } = await subscribe(listed.offering, listed.freePlan);
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/agents/${config}/keys/`);
  await field(page, 'Name').fill('Our server');
  await page.getByRole('button', { name: 'Make a key' }).dblclick();
  await expect(page.getByRole('group', { name: 'Your new key' })).toBeVisible();
  const keys = await call('GET', `/api/agent-api-keys/?config_uuid=${config}`, buyer.token);
  expect(keys).toHaveLength(1);
});

test('what was typed stays when the session has ended, and can be sent after signing in', async ({ page, context, watch }) => {
  watch.allow(/status of 401/);
  const { buyer, config } = await subscribe(listed.offering, listed.freePlan);
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/agents/${config}/persona/`);
  await field(page, 'Greeting').fill('A greeting that took me an hour');
  await context.clearCookies();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('Your session has ended');
  await watch.axe(page, 'a form whose session has ended');
  const [elsewhere] = await Promise.all([
    context.waitForEvent('page'),
    page.getByRole('link', { name: 'Sign in on another page' }).click(),
  ]);
  await field(elsewhere, 'E-mail').fill(buyer.email);
  await field(elsewhere, 'Password').fill(buyer.password);
  await elsewhere.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await expect(elsewhere).not.toHaveURL(/\/login\//);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();
  await page.reload();
  await expect(field(page, 'Greeting')).toHaveValue('A greeting that took me an hour');
});

test('a checkout that is paid in two tabs at once is paid once, and both lead on', async ({ page, context }) => {
  const buyer = await register(someone('Dora Double'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  await signIn(page, buyer);
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await tab.goto(placed.checkout_url);
    await field(tab, 'Card number').fill('4242 4242 4242 4242');
    await field(tab, 'Expires').fill('12/34');
    await field(tab, 'Security code').fill('123');
    await field(tab, 'Name on card').fill('Dora Double');
  }
  await Promise.all([page, other].map((tab) => tab.getByRole('button', { name: /^Pay / }).click()));
  for (const tab of [page, other]) await expect(tab).toHaveURL(/\/agents\/[0-9a-f]{32}\/$/, { timeout: 15_000 });
  await until(`/api/marketplace-orders/${placed.uuid}/`, buyer.token, (row) => row.state === 'done');
  expect(await call('GET', '/api/customer-agent-configs/', buyer.token)).toHaveLength(1);
});
