// A buyer chooses a plan, signs up inside the purchase, pays, and puts the agent to work.

import { call, register, someone, tokenOf } from '../support/api.ts';
import { answerTo } from '../support/flow.ts';
import { expect, pictures, test } from '../support/journey.ts';
import { card, field, pressed, signIn, signOut } from '../support/portal.ts';
import { gateway, listAnOffering, order, subscribe, terminate, unlist, until, type Listed } from '../support/shop.ts';

let listed: Listed;
test.beforeAll(async () => {
  listed = await listAnOffering();
});
test.afterAll(async () => {
  if (listed) await unlist(listed);
});

test('a buyer signs up inside the purchase, pays, and the agent answers', async ({ page, watch }) => {
  test.setTimeout(180_000);
  const person = someone('Bea Buyer');
  let agent = '';
  let key = '';

  await test.step('choose a plan', async () => {
    await page.goto(`/marketplace-public-offering/${listed.offering}/`);
    await page.getByRole('link', { name: 'Choose Starter' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Tell us who you are' })).toBeVisible();
    await expect(page.getByRole('complementary', { name: 'Your order' })).toContainText(listed.name);
    await watch.axe(page, 'the purchase');
    await pictures(page, 'buy');
  });

  await test.step('sign up inside the purchase', async () => {
    await field(page, 'Your name').fill(person.name);
    await field(page, 'E-mail').fill(person.email);
    await field(page, 'Password').fill(person.password);
    await page.getByRole('button', { name: 'Continue to payment' }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Pay with card' })).toBeVisible();
  });

  await test.step('a declined card, then a good one', async () => {
    watch.allow(/status of 402/);
    for (const number of ['4000 0000 0000 0002', '4242 4242 4242 4242']) {
      await field(page, 'Card number').fill(number);
      await field(page, 'Expires').fill('12/34');
      await field(page, 'Security code').fill('123');
      await field(page, 'Name on card').fill('Bea Buyer');
      await page.getByRole('button', { name: /^Pay / }).click();
      if (number.startsWith('4000')) await expect(page.getByRole('alert')).toContainText(/declined/i);
    }
  });

  await test.step('the order leads to the agent’s own page within seconds', async () => {
    await expect(page).toHaveURL(/\/organizations\/[0-9a-f]{32}\/agents\/[0-9a-f]{32}\/$/, { timeout: 15_000 });
    await expect(page.getByRole('heading', { name: 'Set it up' })).toBeVisible();
    agent = page.url();
    await watch.axe(page, 'the agent’s first page');
    await pictures(page, 'agent');
  });
  const config = agent.match(/agents\/([0-9a-f]{32})/)?.[1] ?? '';
  const tabs = page.getByRole('navigation', { name: 'Pages of this agent' });

  await test.step('give it a name, a tone and a greeting', async () => {
    await tabs.getByRole('link', { name: 'Persona' }).click();
    await expect(page).toHaveURL(/persona\/$/);
    await field(page, 'Name').fill('Polly');
    await page.getByRole('radio', { name: /^\s*Casual/ }).check();
    await field(page, 'Greeting').fill('Squawk!');
    await watch.axe(page, 'the persona');
    await pressed(page, page.getByRole('button', { name: 'Save' }), 'Saved.');
    await expect(page.getByRole('heading', { level: 1, name: 'Polly' })).toBeVisible();
    await page.reload();
    await expect(field(page, 'Greeting')).toHaveValue('Squawk!');
    await expect(page.getByRole('radio', { name: /^\s*Casual/ })).toBeChecked();
    await pictures(page, 'persona');
  });

  await test.step('choose its colours', async () => {
    await page.goto(`${agent}branding/`);
    await field(page, 'Headline').fill('Ask the parrot');
    await field(page, 'Corner of the page').selectOption('bottom-left');
    await watch.axe(page, 'the branding');
    await pressed(page, page.getByRole('button', { name: 'Save' }), 'Saved.');
    await expect(field(page, 'Headline')).toHaveValue('Ask the parrot');
  });

  await test.step('talk to it', async () => {
    await page.goto(`${agent}chat/`);
    await page.getByLabel('Your message').fill('good morning');
    await page.getByRole('button', { name: 'Send' }).click();
    const log = page.getByRole('log', { name: 'Conversation' });
    await expect(log.locator('.msg--agent').last()).toContainText(answerTo('good morning'));
    await expect(log.locator('.msg--error')).toHaveCount(0);
    await watch.axe(page, 'the test chat');
    await pictures(page, 'test-chat');
  });

  await test.step('a key is shown once', async () => {
    await page.goto(`${agent}keys/`);
    await watch.axe(page, 'the keys, of which there are none');
    await field(page, 'Name').fill('Our server');
    await page.getByRole('button', { name: 'Make a key' }).click();
    const shown = page.getByRole('group', { name: 'Your new key' });
    await expect(shown).toHaveText(/^\s*ar_sk_live_\S+\s*$/);
    key = (await shown.innerText()).trim();
    await watch.axe(page, 'a new key');
    await pictures(page, 'keys');
    await page.goto(`${agent}keys/`);
    await expect(page.getByRole('cell', { name: /^Our server/ })).toBeVisible();
    await expect(page.getByRole('group', { name: 'Your new key' })).toHaveCount(0);
    expect(await page.content()).not.toContain(key);
  });

  await test.step('the gateway answers with it', async () => {
    const answer = await gateway('invoke/', { key, json: { input: 'hello' } });
    expect([answer.status, answer.body.output]).toEqual([200, answerTo('hello')]);
    await page.goto(`${agent}usage/`);
    const calls = page.getByRole('group', { name: 'The last calls' });
    await expect(calls.getByRole('row').filter({ hasText: answer.body.request_id })).toContainText('Our server');
    await expect(calls.getByRole('row').filter({ hasText: 'Test chat' })).toHaveCount(1);
    await expect(page.getByText(/2\s*of\s*100/)).toBeVisible();
    await watch.axe(page, 'the usage');
    await pictures(page, 'usage');
    await page.getByRole('navigation', { name: 'Time' }).getByRole('link', { name: '7 days' }).click();
    await expect(calls.getByRole('row').filter({ hasText: answer.body.request_id })).toBeVisible();
    const words = card(page, 'What the provider may read');
    await words.getByRole('checkbox').check();
    await pressed(page, words.getByRole('button', { name: 'Save' }), 'Saved.');
    await expect(words.getByRole('checkbox')).toBeChecked();
  });

  await test.step('the list of sites leads to the snippet', async () => {
    await page.goto(`${agent}widget/`);
    await expect(page.getByText('The snippet comes next')).toBeVisible();
    watch.allow(/status of 4\d\d/);
    await field(page, 'Sites').fill('not an address');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(field(page, 'Sites')).toHaveAttribute('aria-invalid', 'true');
    await field(page, 'Sites').fill('https://shop.example\nhttp://shop.localhost:8123');
    await pressed(page, page.getByRole('button', { name: 'Save' }), 'The list of pages is saved.');
    const snippet = page.getByRole('group', { name: 'HTML' });
    await expect(snippet).toContainText('/widget/loader.js');
    await expect(snippet).toContainText(config);
    await expect(snippet).toContainText('ar_pk_live_');
    await watch.axe(page, 'the widget');
    await pictures(page, 'widget');
  });

  await test.step('a key is revoked', async () => {
    await page.goto(`${agent}keys/`);
    const row = page.getByRole('row').filter({ hasText: 'Our server' });
    await row.getByRole('button', { name: 'Revoke' }).click();
    await expect(row).toContainText(/Revoked /);
    expect((await gateway('invoke/', { key, json: { input: 'hello' } })).status).toBe(401);
  });

  await test.step('an agent that is paused answers nobody', async () => {
    const token = await tokenOf(person);
    const made = await call('POST', `/api/customer-agent-configs/${config}/api_keys/`, token, { name: 'Another' });
    await page.goto(agent);
    await page.getByRole('button', { name: 'Pause it' }).click();
    await expect(page.getByRole('button', { name: 'Go live' })).toBeVisible();
    expect((await gateway('invoke/', { key: made.key, json: { input: 'hello' } })).status).toBe(403);
    await page.getByRole('button', { name: 'Go live' }).click();
    await expect(page.getByRole('button', { name: 'Pause it' })).toBeVisible();
    expect((await gateway('invoke/', { key: made.key, json: { input: 'hello' } })).status).toBe(200);
  });

  await test.step('the other pages of an organization', async () => {
    const organization = agent.replace(/agents\/.*/, '');
    for (const rest of ['', 'agents/', 'resources/', 'orders/', 'billing/', 'team/', 'settings/']) {
      await page.goto(organization + rest);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await watch.axe(page, `the organization’s ${rest || 'dashboard'}`);
      if (!rest) await pictures(page, 'dashboard');
    }
    await page.goto(`${organization}agents/`);
    await expect(page.getByRole('link', { name: 'Polly' })).toBeVisible();
  });

  await test.step('sign out, and in again', async () => {
    await signOut(page);
    await page.goto(agent);
    await expect(page).toHaveURL(/\/login\/\?next=/);
    await field(page, 'E-mail').fill(person.email);
    await field(page, 'Password').fill('not the password');
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toBeVisible();
    await field(page, 'E-mail').fill(person.email);
    await field(page, 'Password').fill(person.password);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await expect(page).toHaveURL(agent);
  });
});

test('a free plan needs no payment', async ({ page }) => {
  const buyer = await register(someone('Frida Free'));
  await signIn(page, buyer);
  await page.goto(`/marketplace-public-offering/${listed.offering}/`);
  await page.getByRole('link', { name: 'Start Free' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Almost there' })).toBeVisible();
  await field(page, 'What to call it').fill('Our parrot');
  await page.getByRole('button', { name: 'Start for free' }).click();
  await expect(page).toHaveURL(/\/agents\/[0-9a-f]{32}\/$/, { timeout: 15_000 });
});

test('an order that was left can be paid later', async ({ page, watch }) => {
  const buyer = await register(someone('Lea Later'));
  const placed = await order(buyer, listed.offering, listed.paidPlan);
  await signIn(page, buyer);
  await page.goto(`/organizations/${buyer.organization}/orders/`);
  await watch.axe(page, 'the orders');
  await page.goto(`/marketplace-order/${placed.uuid}/`);
  await page.getByRole('button', { name: /^Pay / }).click();
  await field(page, 'Card number').fill('4242 4242 4242 4242');
  await field(page, 'Expires').fill('12/34');
  await field(page, 'Security code').fill('123');
  await field(page, 'Name on card').fill('Lea Later');
  await page.getByRole('button', { name: /^Pay / }).click();
  await expect(page).toHaveURL(/\/agents\/[0-9a-f]{32}\/$/, { timeout: 15_000 });
  await page.goto(`/marketplace-order/${placed.uuid}/`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(/is ready$/);
  await expect(page.getByRole('link', { name: 'Set up your agent' })).toBeVisible();
  await watch.axe(page, 'an order that is done');
  await pictures(page, 'order');
  const done = await until(`/api/marketplace-orders/${placed.uuid}/`, buyer.token, (row) => row.state === 'done');
  await page.goto(`/resource/${done.marketplace_resource_uuid}/deploy/`);
  await expect(page).toHaveURL(/\/widget\/$/);
});

test('an agent whose subscription has ended says so', async ({ page, watch }) => {
  const subscribed = await subscribe(listed.offering, listed.freePlan);
  await terminate(subscribed);
  await until(`/api/marketplace-resources/${subscribed.resource}/`, subscribed.buyer.token, (row) => row.state === 'Terminated');
  await signIn(page, subscribed.buyer);
  await page.goto(`/organizations/${subscribed.buyer.organization}/agents/${subscribed.config}/`);
  await expect(page.getByText('The subscription has ended')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Pause it' })).toHaveCount(0);
  await expect(page.getByRole('main').getByRole('link', { name: 'Subscribe again' })).toHaveAttribute('href', new RegExp(listed.offering));
  await watch.axe(page, 'an agent that has ended');
  await pictures(page, 'agent-ended');
});

test('a member of another organization does not see an agent', async ({ page, watch }) => {
  watch.allow(/status of 40\d/);
  const owner = await register(someone('Olga Owner'));
  const stranger = await register(someone('Stan Stranger'));
  const placed = await order(owner, listed.offering, listed.freePlan);
  const done = await until(`/api/marketplace-orders/${placed.uuid}/`, owner.token, (row) => row.state === 'done');
  await signIn(page, stranger);
  for (const rest of ['', 'keys/', 'usage/', 'persona/']) {
    const response = await page.goto(`/organizations/${owner.organization}/agents/${done.config_uuid}/${rest}`);
    expect([403, 404]).toContain(response?.status());
    await expect(page.getByText('Our agent')).toHaveCount(0);
  }
});

test('somebody who has an address already learns nothing from signing up with it', async ({ page, watch }) => {
  watch.allow(/status of 4\d\d/);
  const taken = await register(someone('Ada Again'));
  await page.goto('/register/');
  await field(page, 'Your name').fill('Mallory');
  await field(page, 'E-mail').fill(taken.email);
  await field(page, 'Password').fill('a password of somebody else');
  await page.getByRole('button', { name: 'Create account' }).click();
  await expect(page).not.toHaveURL(new RegExp(taken.organization));
  await expect(page.getByText(taken.organization)).toHaveCount(0);
});
