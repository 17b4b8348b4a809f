// The payment page of the sandbox: which cards pass, and what a buyer is told when one does not.
// An installation with real payments has no such page; these journeys are for the sandbox.

import { call, register, someone } from '../support/api.ts';
import { expect, pictures, test, type Page } from '../support/journey.ts';
import { field, signIn } from '../support/portal.ts';
import { card, listAnOffering, order, pay, unlist, until, type Listed } from '../support/shop.ts';

let listed: Listed;
test.beforeAll(async () => {
  listed = await listAnOffering();
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

async function fillCard(page: Page, number: string, expiry = '12/34'): Promise<void> {
  await field(page, 'Card number').fill(number);
  await field(page, 'Expires').fill(expiry);
  await field(page, 'Security code').fill('123');
  await field(page, 'Name on card').fill('Bea Buyer');
  await page.getByRole('button', { name: /^Pay / }).click();
}

test('a card is declined, another asks for a confirmation, and then it is paid', async ({ page, watch }) => {
  watch.allow(/status of 4\d\d/);
  const buyer = await register(someone('Bea Buyer'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  expect(placed.state).toBe('pending-consumer');
  await signIn(page, buyer);
  await page.goto(placed.checkout_url);
  await expect(page.getByRole('heading', { level: 1, name: 'Pay with card' })).toBeVisible();
  await expect(page.getByRole('note')).toContainText('takes no money');
  await watch.axe(page, 'the payment page');
  await pictures(page, 'checkout');

  await fillCard(page, '4000 0000 0000 0002');
  await expect(page.getByRole('alert')).toContainText(/declined/i);
  await fillCard(page, '4000 0000 0000 9995');
  await expect(page.getByRole('alert')).toContainText(/funds|money/i);
  expect((await call('GET', `/api/marketplace-orders/${placed.uuid}/`, buyer.token)).state).toBe('pending-consumer');

  await fillCard(page, '4000 0025 0000 3155');
  await page.getByRole('checkbox', { name: 'I confirm this payment' }).check();
  await fillCard(page, '4000 0025 0000 3155');
  await expect(page).not.toHaveURL(/checkout/);
  const done = await until(`/api/marketplace-orders/${placed.uuid}/`, buyer.token, (row) => row.state === 'done');
  expect(done.config_uuid).toBeTruthy();
});

test('a form that is wrong is refused with the field that is meant', async ({ page, watch }) => {
  watch.allow(/status of 4\d\d/);
  const buyer = await register(someone('Bea Buyer'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  await page.goto(placed.checkout_url);
  await fillCard(page, '4242 4242 4242 4241');
  await expect(page.locator('.field__error')).toHaveCount(1);
  await expect(field(page, 'Card number')).toHaveAttribute('aria-invalid', 'true');
  await watch.axe(page, 'the payment page with a mistake');
  await fillCard(page, '4242 4242 4242 4242', '01/20');
  await expect(field(page, 'Expires')).toHaveAttribute('aria-invalid', 'true');
});

test('a payment that is sent twice is taken once', async ({ page }) => {
  const buyer = await register(someone('Bea Buyer'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  for (let time = 0; time < 3; time += 1) {
    expect((await pay(placed.checkout_url, card('4242424242424242'))).status).toBe(200);
  }
  await until(`/api/marketplace-orders/${placed.uuid}/`, buyer.token, (row) => row.state === 'done');
  await page.goto(placed.checkout_url);
  await expect(page.getByText('This payment is over')).toBeVisible();
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/billing/`);
  await expect(page.getByRole('group', { name: 'Payments' }).getByRole('row').filter({ hasText: 'Paid' })).toHaveCount(1);
  await page.goto(`/organizations/${buyer.organization}/agents/`);
  await expect(page.getByRole('main').getByRole('article')).toHaveCount(1);
});

test('the rail answers a program with what went wrong', async () => {
  const buyer = await register(someone('Bea Buyer'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  const declined = await pay(placed.checkout_url, card('4000000000000002'));
  expect([declined.status, declined.body.code]).toEqual([402, 'card_declined']);
  const unconfirmed = await pay(placed.checkout_url, card('4000002500003155'));
  expect([unconfirmed.status, unconfirmed.body.code]).toEqual([402, 'authentication_required']);
  const wrong = await pay(placed.checkout_url, { ...card('4242424242424242'), cvc: 'x' });
  expect([wrong.status, Object.keys(wrong.body)]).toEqual([400, ['cvc']]);
  expect((await call('GET', `/api/marketplace-orders/${placed.uuid}/`, buyer.token)).state).toBe('pending-consumer');
});

test('an order can be canceled before it is paid', async ({ page, watch }) => {
  const buyer = await register(someone('Bea Buyer'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  await signIn(page, buyer);
  await page.goto(`/marketplace-order/${placed.uuid}/`);
  await expect(page.getByRole('heading', { level: 1, name: 'One step left: payment' })).toBeVisible();
  await watch.axe(page, 'an order that is not paid');
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'This order is canceled' })).toBeVisible();
  expect((await pay(placed.checkout_url, card('4242424242424242'))).status).toBe(409);
});
