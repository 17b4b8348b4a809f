// Where the money is: what a provider has earned, what the operator took, the books, and how a buyer's plan is
// changed, compared, ended with its month and resumed. These journeys pay in the sandbox.

import { call, operator, tokenOf } from '../support/api.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { card as cardWith, field, pressed, signIn, signOut } from '../support/portal.ts';
import { gateway, listAnOffering, makeKey, subscribe, unlist, type Listed, type Subscribed } from '../support/shop.ts';

let listed: Listed;
let subscribed: Subscribed;
test.beforeAll(async () => {
  listed = await listAnOffering();
  subscribed = await subscribe(listed.offering, listed.paidPlan);
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

test('a provider sees what each sale is worth, and takes the table along', async ({ page, watch }) => {
  await signIn(page, listed.provider);
  await page.goto(`/providers/${listed.provider.organization}/revenue/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Revenue' })).toBeVisible();
  const sale = page.getByRole('row').filter({ hasText: 'Bea Buyer' });
  await expect(sale).toHaveCount(1);
  for (const part of ['$29', '$5.80', '20 %', '$23.20']) await expect(sale).toContainText(part);
  await expect(sale).toContainText(/Held back|Available/);
  await watch.axe(page, 'what a provider has earned');
  await pictures(page, 'earnings');
  const href = await page.getByRole('link', { name: 'Download as CSV' }).getAttribute('href');
  const table = await (await page.request.get(href!)).text();
  expect(table).toMatch(/29\.00,0\.00,5\.80,20 %,23\.20,0\.00,23\.20,(pending|available)/);
});

test('an operator sees the revenue, the books, and that they are right', async ({ page, watch }) => {
  await signIn(page, operator);
  await page.goto('/admin/revenue/');
  await expect(page.getByRole('heading', { level: 1, name: 'Revenue' })).toBeVisible();
  await watch.axe(page, 'the revenue');
  await pictures(page, 'revenue');
  await page.getByRole('main').getByRole('link', { name: 'The ledger' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Ledger' })).toBeVisible();
  await expect(page.getByRole('row').filter({ hasText: `Sale: ${listed.name}` })).toBeVisible();
  await watch.axe(page, 'the ledger');
  await pictures(page, 'ledger');
  await page.getByRole('link', { name: 'Check the books' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'The books are right' })).toBeVisible();
  await expect(page.getByText('Does not hold')).toHaveCount(0);
  await watch.axe(page, 'the check of the books');
  await pictures(page, 'ledger-check');
});

test('an operator makes a rule of commission for one provider, and ends it', async ({ page, watch }) => {
  watch.allow(/status of 422/);
  await signIn(page, operator);
  await page.goto('/admin/commission/');
  await field(page, 'For').selectOption(`provider:${listed.provider.organization}`);
  await field(page, 'Share in percent').fill('101');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.locator('.field__error')).toContainText('from 0 to 100');
  await field(page, 'For').selectOption(`provider:${listed.provider.organization}`);
  await field(page, 'Share in percent').fill('12.5');
  await pressed(page, page.getByRole('button', { name: 'Add', exact: true }), 'Created.');
  const rule = page.getByRole('row').filter({ hasText: '12.5 %' }).filter({ hasText: 'Holds' });
  await expect(rule.first()).toBeVisible();
  await watch.axe(page, 'the rules of commission');
  await pictures(page, 'commission');
  const later = await subscribe(listed.offering, listed.paidPlan);
  const earned = await call('GET', `/api/marketplace-service-providers/${listed.provider.organization}/earnings/`, listed.provider.token);
  expect(earned[0].commission_rate).toBe('12.5 %');
  expect(later.resource).toBeTruthy();
  const staff = await tokenOf(operator);
  const rules = await call('GET', '/api/marketplace-commission-rules/', staff);
  const mine = rules.find((row: any) => row.customer_uuid === listed.provider.organization && row.active);
  await call('POST', `/api/marketplace-commission-rules/${mine.uuid}/end/`, staff);
  await page.reload();
  await expect(page.getByRole('row').filter({ hasText: '12.5 %' }).first()).toContainText('Over');
});

test('a buyer has an invoice with a number for what was paid', async ({ page, watch }) => {
  const { buyer } = subscribed;
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/billing/`);
  await page.getByRole('main').getByRole('link', { name: 'Invoices' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Invoices' })).toBeVisible();
  await watch.axe(page, 'invoices');
  await page.getByRole('link', { name: /^SANDBOX-\d{4}-\d{6}$/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: /^Invoice SANDBOX-/ })).toBeVisible();
  await expect(page.getByRole('row').filter({ hasText: 'Total' })).toContainText('$29');
  await watch.axe(page, 'an invoice');
  await pictures(page, 'invoice');
});

test('a buyer compares plans, ends the subscription with its month, and resumes it', async ({ page, watch }) => {
  const { buyer } = subscribed;
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/resources/`);
  const mine = cardWith(page, 'Our agent');
  await expect(mine).toContainText('Renews on');
  await watch.axe(page, 'subscriptions');
  await pictures(page, 'subscriptions');
  await mine.getByRole('link', { name: 'What would last month have cost on each?' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Compare plans' })).toBeVisible();
  await expect(page.getByRole('row').filter({ hasText: 'Starter' })).toContainText('$29');
  await watch.axe(page, 'plans compared');
  await pictures(page, 'compare-plans');

  await page.goto(`/organizations/${buyer.organization}/resources/`);
  await mine.getByText('End it', { exact: true }).first().click();
  await pressed(page, mine.getByRole('button', { name: 'End it with the month' }), 'It ends with the month that is paid. Until then you can resume it.');
  await expect(mine).toContainText('Ends on');
  await pressed(page, mine.getByRole('button', { name: 'Resume' }), 'It goes on.');
  await expect(mine).toContainText('Renews on');
});

test('a provider says where it is paid to, and is paid what is available', async ({ page, watch }) => {
  watch.allow(/status of 422/);
  test.setTimeout(180_000);
  const { provider } = listed;
  const { key } = await makeKey(subscribed);
  expect((await gateway('invoke/', { key, json: { input: 'hello' } })).status).toBe(200);
  await signIn(page, provider);
  await page.goto(`/providers/${provider.organization}/payouts/`);
  await watch.axe(page, 'payouts before there is an account');
  await page.getByRole('button', { name: 'Say where you are paid to' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Where you are paid to' })).toBeVisible();
  await watch.axe(page, 'the bank account');
  await pictures(page, 'payout-account');
  await field(page, 'Account holder').fill('Petra Provider');
  await field(page, 'Routing number').fill('110000000');
  await field(page, 'Account number').fill('123456789');
  await page.getByRole('button', { name: 'Use this account' }).click();
  await expect(page.locator('.field__error')).toContainText('takes test accounts alone');
  await field(page, 'Account holder').fill('Petra Provider');
  await field(page, 'Routing number').fill('110000000');
  await field(page, 'Account number').fill('000123456789');
  await page.getByRole('button', { name: 'Use this account' }).click();
  await expect(page.getByRole('row').filter({ hasText: 'Bank account •••• 6789' })).toContainText('Ready');
  await signOut(page);

  // What is held back is released once a minute.
  const staff = await tokenOf(operator);
  const mine = async () => {
    const plan = await call('GET', '/api/marketplace-payouts/plan/', staff);
    return plan.rows.some((row: any) => row.customer_uuid === provider.organization && row.will_be_paid);
  };
  await expect.poll(mine, { timeout: 120_000, intervals: [2_000] }).toBe(true);
  await signIn(page, operator);
  await page.goto('/admin/payouts/');
  const due = page.getByRole('row').filter({ hasText: 'Will be paid' }).first();
  await expect(due).toBeVisible();
  await watch.axe(page, 'the payout run');
  await pictures(page, 'payout-run');
  await pressed(page, page.getByRole('button', { name: /^Pay \$.* to \d+ provider/ }), 'Sent.');
  await signOut(page);

  await signIn(page, provider);
  const paid = async () => (await call('GET', `/api/marketplace-service-providers/${provider.organization}/payouts/`, provider.token))[0]?.state;
  await expect.poll(paid, { timeout: 30_000 }).toBe('paid');
  await page.goto(`/providers/${provider.organization}/payouts/`);
  await expect(page.getByRole('row').filter({ hasText: 'Paid' })).toContainText('Bank account •••• 6789');
  await watch.axe(page, 'payouts');
  await pictures(page, 'payouts');
  await page.getByRole('row').filter({ hasText: 'Paid' }).getByRole('link').first().click();
  await expect(page.getByRole('heading', { level: 1, name: /^Payout of \$/ })).toBeVisible();
  await expect(page.getByRole('row').filter({ hasText: `Released: ${listed.name}` }).first()).toContainText('$23.20');
  await watch.axe(page, 'a payout');
  await pictures(page, 'payout');
  const statement = await page.request.get((await page.getByRole('link', { name: 'PDF' }).getAttribute('href')) ?? '');
  expect([statement.status(), statement.headers()['content-type']]).toEqual([200, 'application/pdf']);
  expect((await statement.body()).subarray(0, 5).toString()).toBe('%PDF-');

  // Each line leads to what was paid, and to the calls behind it.
  await page.getByRole('row').filter({ hasText: `Released: ${listed.name}` }).first().getByRole('link').first().click();
  await expect(page.getByRole('heading', { level: 1, name: 'Payments of an order' })).toBeVisible();
  const calls = page.getByRole('group', { name: 'Calls' });
  await expect(calls.getByRole('row').filter({ hasText: 'API' })).toHaveCount(1);
  await watch.axe(page, 'the calls behind a sale');
  await pictures(page, 'calls-behind-a-sale');
  await page.goto(`/providers/${provider.organization}/revenue/`);
  await expect(page.getByRole('link', { name: 'Paid out' }).first()).toHaveAttribute('href', /\/payouts\/[0-9a-f]{32}\/$/);
  await pictures(page, 'earnings-paid-out');
  // A sale that was paid out goes back to its buyer: its share is taken back from the provider's account.
  const money = await call('GET', `/api/marketplace-orders/${subscribed.order}/payments/`, staff);
  const first = money.payments[0].uuid;
  await call('POST', `/api/marketplace-payments/${first}/refund/`, staff, { amount: '10.00', reason: 'It was too slow.' });
  const back = async () => Number((await call('GET', `/api/marketplace-service-providers/${provider.organization}/payouts/`, provider.token))[0]?.reversed);
  await expect.poll(back, { timeout: 30_000 }).toBe(8);
  await page.goto(`/providers/${provider.organization}/payouts/`);
  await expect(page.getByRole('row').filter({ hasText: 'Paid' }).first()).toContainText('$8 of it was taken back');
  await watch.axe(page, 'a payout of which something was taken back');
  await pictures(page, 'payout-taken-back');
});
