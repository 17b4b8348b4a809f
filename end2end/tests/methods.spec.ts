// What a buyer is charged with: a card is added, said to go first, removed; the last one of a subscription stays.
// An installation with real payments saves cards on Stripe's page; these journeys are for the sandbox.

import { call, register, someone } from '../support/api.ts';
import { expect, pictures, test, type Page } from '../support/journey.ts';
import { field, pressed, signIn } from '../support/portal.ts';
import { listAnOffering, subscribe, unlist, type Listed } from '../support/shop.ts';

let listed: Listed;
test.beforeAll(async () => {
  listed = await listAnOffering();
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

async function save(page: Page, number: string): Promise<void> {
  await field(page, 'Card number').fill(number);
  await field(page, 'Expires').fill('12/34');
  await field(page, 'Security code').fill('123');
  await field(page, 'Name on card').fill('Bea Buyer');
  await page.getByRole('button', { name: 'Save card' }).click();
}

const cards = (page: Page) => page.getByRole('row').filter({ hasText: '••••' });
const cardOf = (page: Page, last4: string) => page.getByRole('row').filter({ hasText: `•••• ${last4}` });

test('a buyer adds a card, has it charged first and removes the other; the last one stays', async ({ page, watch }) => {
  watch.allow(/status of 4\d\d/);
  const { buyer } = await subscribe(listed.offering, listed.paidPlan);
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/billing/`);
  await page.getByRole('main').getByRole('link', { name: 'Payment methods' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Payment methods' })).toBeVisible();
  await expect(cards(page)).toHaveCount(1);
  await expect(cardOf(page, '4242')).toContainText('until 12/2034');
  await pictures(page, 'methods-one');
  await cardOf(page, '4242').getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByRole('alert')).toContainText('This is the last one');
  await watch.axe(page, 'the last payment method');
  await pictures(page, 'methods-last');

  await page.getByRole('button', { name: 'Add a card' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Save a card' })).toBeVisible();
  await watch.axe(page, 'the page to save a card');
  await pictures(page, 'methods-save');
  await save(page, '4000 0000 0000 0002');
  await expect(page.getByRole('alert')).toContainText(/declined/i);
  await pictures(page, 'methods-declined');
  await save(page, '5555 5555 5555 4444');
  await expect(page.getByRole('heading', { level: 1, name: 'Payment methods' })).toBeVisible();
  await expect(cards(page)).toHaveCount(2);

  await pressed(page, cardOf(page, '4444').getByRole('button', { name: 'Charge first' }), 'Saved.');
  await expect(cardOf(page, '4444')).toContainText('Charged first');
  await watch.axe(page, 'two payment methods');
  await pictures(page, 'methods-two');
  await pressed(page, cardOf(page, '4242').getByRole('button', { name: 'Remove' }), 'Saved.');
  await expect(cards(page)).toHaveCount(1);
  const shown = await call('GET', `/api/stripe-payment-methods/?customer_uuid=${buyer.organization}`, buyer.token);
  expect(shown.map((method: any) => [method.last4, method.is_default])).toEqual([['4444', true]]);
});

test('of two tabs the second may not remove the last card, and a second press removes nothing more', async ({ page, context, watch }) => {
  watch.allow(/status of 4\d\d/);
  const { buyer } = await subscribe(listed.offering, listed.paidPlan);
  const address = `/organizations/${buyer.organization}/billing/methods/`;
  await signIn(page, buyer);
  for (const number of ['5555 5555 5555 4444', '6011 1111 1111 1117']) {
    await page.goto(address);
    await page.getByRole('button', { name: 'Add a card' }).click();
    await save(page, number);
    await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();
  }
  await expect(cards(page)).toHaveCount(3);
  await cardOf(page, '1117').getByRole('button', { name: 'Remove' }).dblclick();
  await expect(cardOf(page, '1117')).toHaveCount(0);
  await page.goto(address);
  await expect(cards(page)).toHaveCount(2);
  const other = await context.newPage();
  await other.goto(address);
  await pressed(page, cardOf(page, '4242').getByRole('button', { name: 'Remove' }), 'Saved.');
  // The other tab still shows both.
  await cardOf(other, '4242').getByRole('button', { name: 'Charge first' }).click();
  await expect(other.getByRole('alert')).toContainText(/payment method/i);
  await pictures(other, 'methods-gone');
  await other.goto(address);
  await cardOf(other, '4444').getByRole('button', { name: 'Remove' }).click();
  await expect(other.getByRole('alert')).toContainText('This is the last one');
});

test('a buyer’s cards are nobody else’s', async ({ page, watch }) => {
  watch.allow(/status of 4\d\d/);
  const { buyer } = await subscribe(listed.offering, listed.paidPlan);
  const [mine] = await call('GET', `/api/stripe-payment-methods/?customer_uuid=${buyer.organization}`, buyer.token);
  const stranger = await register(someone('Sam Stranger'));
  await signIn(page, stranger);
  const answer = await page.goto(`/organizations/${buyer.organization}/billing/methods/`);
  expect(answer?.status()).toBe(404);
  await expect(page.getByText('4242')).toHaveCount(0);
  for (const what of ['method-forget', 'method-prefer']) {
    for (const of of [buyer.organization, stranger.organization]) {
      const form = { what, id: `${of}/${mine.uuid}`, value: '' };
      const headers = { origin: new URL(page.url()).origin, accept: 'application/json' };
      expect((await page.request.post('/ui/sheet/press', { form, headers })).status()).toBe(404);
    }
  }
  expect(await call('GET', `/api/stripe-payment-methods/?customer_uuid=${buyer.organization}`, buyer.token)).toEqual([mine]);
});
