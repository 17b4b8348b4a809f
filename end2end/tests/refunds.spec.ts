// Money that goes back: a part of a payment, a refund that does not arrive, and a bank that takes a payment back.

import { call, operator, tokenOf } from '../support/api.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { pressed, signIn, signOut } from '../support/portal.ts';
import { listAnOffering, subscribe, unlist, until, type Listed } from '../support/shop.ts';

let listed: Listed;
test.beforeAll(async () => {
  listed = await listAnOffering();
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

/** Waits for the case of an order that is about something. */
async function caseOf(order: string, kind: string): Promise<any> {
  const staff = await tokenOf(operator);
  const found = async () => {
    const cases = await call('GET', '/api/marketplace-cases/?page_size=100', staff);
    return cases.find((one: any) => one.order_uuid === order && one.kind === kind);
  };
  await expect.poll(async () => Boolean(await found()), { timeout: 60_000, intervals: [1_000] }).toBe(true);
  return found();
}

test('an operator gives a part of a payment back; buyer and provider see it', async ({ page, watch }) => {
  watch.allow(/status of 422/);
  const mine = await subscribe(listed.offering, listed.paidPlan);
  await signIn(page, operator);
  await page.goto(`/marketplace-order/${mine.order}/money/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Payments of an order' })).toBeVisible();
  await watch.axe(page, 'the payments of an order');
  const payment = page.getByRole('row').filter({ hasText: 'Visa •••• 4242' });
  await payment.getByLabel('Amount, or all of it').fill('a lot');
  await payment.getByLabel('Why: the buyer reads it').fill('It was too slow.');
  await payment.getByRole('button', { name: 'Give back' }).click();
  await expect(page.getByRole('alert')).toContainText('Amount must be a number');
  await payment.getByLabel('Amount, or all of it').fill('10');
  await payment.getByLabel('Why: the buyer reads it').fill('It was too slow.');
  await pressed(page, payment.getByRole('button', { name: 'Give back' }), 'It goes back.');
  const staff = await tokenOf(operator);
  await until(`/api/marketplace-orders/${mine.order}/payments/`, staff, (view) => view.refunds[0]?.state === 'paid');
  await page.reload();
  await expect(page.getByRole('row').filter({ hasText: 'It was too slow.' })).toContainText('Given back');
  await expect(payment).toContainText('$19');
  await pictures(page, 'order-money');
  await signOut(page);

  await signIn(page, mine.buyer);
  await page.goto(`/organizations/${mine.buyer.organization}/billing/`);
  await expect(page.getByRole('row').filter({ hasText: listed.name })).toContainText('Given back in part');
  await page.goto(`/organizations/${mine.buyer.organization}/billing/invoices/`);
  await expect(page.getByRole('row').filter({ hasText: 'Credit note' })).toContainText('$10');
  await page.goto(`/marketplace-order/${mine.order}/money/`);
  await expect(page.getByRole('heading', { level: 1, name: 'Payments of an order' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Give back' })).toHaveCount(0);
  await signOut(page);

  await signIn(page, listed.provider);
  await page.goto(`/providers/${listed.provider.organization}/revenue/`);
  // Of $29 the provider had $23.20; it gives $8 of the $10.
  await expect(page.getByRole('row').filter({ hasText: '$15.20' })).toContainText('$10');
  await pictures(page, 'earnings-after-a-refund');
});

test('a refund that does not arrive is a case for the operator', async ({ page, watch }) => {
  const mine = await subscribe(listed.offering, listed.paidPlan, '4000 0000 0000 5126');
  const staff = await tokenOf(operator);
  const { payments } = await call('GET', `/api/marketplace-orders/${mine.order}/payments/`, staff);
  await call('POST', `/api/marketplace-payments/${payments[0].uuid}/refund/`, staff, { reason: 'As agreed.' });
  const found = await caseOf(mine.order, 'refund_failed');
  await signIn(page, operator);
  await page.goto('/admin/cases/');
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/marketplace-order/${mine.order}/money/"]`) });
  await expect(row).toContainText('A refund of $29 failed');
  await watch.axe(page, 'the cases');
  await pictures(page, 'cases');
  await row.getByLabel('What came of it').fill('Paid to the bank account instead.');
  await pressed(page, row.getByRole('button', { name: 'Done' }), 'Saved.');
  await expect(row).toContainText('Closed');
  const after = await call('GET', '/api/marketplace-cases/?page_size=100', staff);
  expect(after.find((one: any) => one.uuid === found.uuid).note).toBe('Paid to the bank account instead.');
});

test('a bank takes a payment back, and gives it back when it decides for us', async ({ page }) => {
  const mine = await subscribe(listed.offering, listed.paidPlan, '4000 0000 0000 0259');
  await caseOf(mine.order, 'dispute');
  await signIn(page, operator);
  await page.goto(`/marketplace-order/${mine.order}/money/`);
  await expect(page.getByRole('row').filter({ hasText: 'fraudulent' })).toContainText('Taken by the bank');
  await page.goto('/admin/cases/');
  const row = page.getByRole('row').filter({ has: page.locator(`a[href="/marketplace-order/${mine.order}/money/"]`) });
  await row.getByLabel('won or lost').fill('won');
  await pressed(page, row.getByRole('button', { name: 'Decide' }), 'Saved.');
  const staff = await tokenOf(operator);
  await until(`/api/marketplace-orders/${mine.order}/payments/`, staff, (view) => view.refunds[0]?.state === 'reversed');
  await page.reload();
  await expect(row).toContainText('decided for us');
  await page.goto('/admin/ledger/check/');
  await expect(page.getByRole('heading', { level: 1, name: 'The books are right' })).toBeVisible();
});
