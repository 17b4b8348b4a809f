// Someone has lost their password: a letter brings a link, and the link sets another password once.

import { ApiError, call, register, someone, tokenOf } from '../support/api.ts';
import { expect, pictures, test, type Page } from '../support/journey.ts';
import { lettersTo, linkIn, requireLetters } from '../support/letters.ts';
import { field, pressed, signIn } from '../support/portal.ts';

const GONE = /link was used or has expired/;

/** Asks for a letter to an address; answers what the page says then. */
async function ask(page: Page, email: string): Promise<string> {
  await page.goto('/login/');
  await page.getByRole('link', { name: 'Lost your password?' }).click();
  await field(page, 'E-mail').fill(email);
  await page.getByRole('button', { name: 'Send the link' }).click();
  await expect(page.getByText('Look into your mail')).toBeVisible();
  return page.getByRole('main').innerText();
}

async function isGone(page: Page, link: string): Promise<void> {
  const answer = await page.goto(link);
  expect(answer?.status()).toBe(410);
  await expect(page.getByText(GONE)).toBeVisible();
  await expect(page.getByRole('main').getByRole('link', { name: 'Ask for another' })).toHaveAttribute('href', '/password/');
}

test.describe('a lost password', { tag: '@letters' }, () => {
  test.beforeAll(requireLetters);

  test('the link sets another password once, and what was signed in is not any more', async ({ page, browser, javaScriptEnabled, watch }) => {
    watch.allow(/status of 4\d\d/);
    const person = await register(someone('Fay Forgetful'));
    const elsewhere = await (await browser.newContext({ javaScriptEnabled })).newPage();
    watch.also(elsewhere.context());
    await signIn(elsewhere, person);

    await page.goto('/password/');
    await watch.axe(page, 'the page for a lost password');
    await pictures(page, 'password');
    await ask(page, person.email);
    await watch.axe(page, 'a letter that is on its way');
    await pictures(page, 'password-sent');
    const link = await linkIn(person.email, /password/i);
    // Asking changes nothing.
    await tokenOf(person);

    await page.goto(link);
    await watch.axe(page, 'the page that sets a password');
    await pictures(page, 'password-set');
    const password = `another ${person.password}`;
    await field(page, 'New password').fill(password);
    await pressed(page, page.getByRole('button', { name: 'Set the password' }), 'Your password is changed.');
    await expect(page).toHaveURL(/\/login\//);
    await pictures(page, 'password-changed');

    await field(page, 'E-mail').fill(person.email);
    await field(page, 'Password').fill(person.password);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await expect(page.getByRole('alert')).toBeVisible();
    await signIn(page, { email: person.email, password });
    await expect(page).toHaveURL(new RegExp(person.organization));

    await elsewhere.goto(`/organizations/${person.organization}/`);
    await expect(elsewhere).toHaveURL(/\/login\/\?next=/);
    await elsewhere.context().close();
    const refused = await call('GET', '/api/users/me/', person.token).catch((error: ApiError) => error.status);
    expect(refused).toBe(401);

    await isGone(page, link);
    await watch.axe(page, 'a link that is used');
    await pictures(page, 'password-gone');
    // The owner of the address hears of it.
    await expect.poll(async () => (await lettersTo(person.email)).map((letter) => letter.subject)).toContainEqual(expect.stringMatching(/was changed$/));
  });

  test('asking answers the same for an address that nobody has', async ({ page }) => {
    const person = await register(someone('Fay Forgetful'));
    const nobody = someone('Nobody');
    const known = await ask(page, person.email);
    const unknown = await ask(page, nobody.email);
    expect(unknown).toBe(known);
    await linkIn(person.email, /password/i);
    expect(await lettersTo(nobody.email)).toEqual([]);
  });

  test('a newer link ends the older when it is used, and a made-up one says so', async ({ page, watch }) => {
    watch.allow(/status of 410/);
    const person = await register(someone('Fay Forgetful'));
    await ask(page, person.email);
    const first = await linkIn(person.email, /password/i);
    await ask(page, person.email);
    const second = await linkIn(person.email, /password/i, [first]);
    await page.goto(second);
    await field(page, 'New password').fill(`another ${person.password}`);
    await pressed(page, page.getByRole('button', { name: 'Set the password' }), 'Your password is changed.');
    await isGone(page, first);
    await isGone(page, '/password/nobody-has-written-this/');
  });

  test('a password that is too short is refused, and the link still holds', async ({ page, javaScript, watch }) => {
    test.skip(!javaScript, 'without JavaScript the browser’s own check cannot be taken off the page');
    watch.allow(/status of 4\d\d/);
    const person = await register(someone('Fay Forgetful'));
    await ask(page, person.email);
    await page.goto(await linkIn(person.email, /password/i));
    await field(page, 'New password').evaluate((input: HTMLInputElement) => input.removeAttribute('minlength'));
    await field(page, 'New password').fill('short');
    await page.getByRole('button', { name: 'Set the password' }).click();
    await expect(field(page, 'New password')).toHaveAttribute('aria-invalid', 'true');
    await field(page, 'New password').fill(`another ${person.password}`);
    await pressed(page, page.getByRole('button', { name: 'Set the password' }), 'Your password is changed.');
  });
});
