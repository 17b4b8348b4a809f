// An owner invites people by mail; they open the link, sign up or sign in, and are inside with the
// role they were given. A link that no longer holds says so.

import { register, someone, type Account } from '../support/api.ts';
import { expect, pictures, test, type Page } from '../support/journey.ts';
import { linkIn, requireLetters } from '../support/letters.ts';
import { field, pressed, signIn } from '../support/portal.ts';

const GONE = /invitation was used, taken back or has expired/;

/** Invites someone on the page of the team, whose owner is signed in; answers the letter's link. */
async function invite(page: Page, owner: Account, email: string, role: string, seen: string[] = []): Promise<string> {
  await page.goto(`/organizations/${owner.organization}/team/`);
  await field(page, 'E-mail').fill(email);
  await field(page, 'Role').selectOption(role);
  await pressed(page, page.getByRole('button', { name: 'Invite', exact: true }), 'The invitation is on its way.');
  await expect(page.getByRole('row').filter({ hasText: email })).toContainText(/Open until/);
  return linkIn(email, /^Join /, seen);
}

async function isGone(page: Page, link: string): Promise<void> {
  const answer = await page.goto(link);
  expect(answer?.status()).toBe(410);
  await expect(page.getByText(GONE)).toBeVisible();
}

test.describe('an invitation', { tag: '@letters' }, () => {
  test.beforeAll(requireLetters);

  test('someone who is new signs up with the link and is inside with the role', async ({ page, browser, javaScriptEnabled, watch }) => {
    watch.allow(/status of 410/);
    const owner = await register(someone('Olga Owner'));
    const guest = someone('Gustav Guest');
    await signIn(page, owner);
    await page.goto(`/organizations/${owner.organization}/team/`);
    await watch.axe(page, 'a team of one');
    const link = await invite(page, owner, guest.email, 'admin');
    await watch.axe(page, 'a team with an invitation');
    await pictures(page, 'team');

    const theirs = await (await browser.newContext({ javaScriptEnabled })).newPage();
    watch.also(theirs.context());
    await theirs.goto(link);
    await expect(theirs.getByRole('heading', { level: 1, name: /^Join Olga Owner/ })).toBeVisible();
    await expect(theirs.getByRole('main')).toContainText(guest.email);
    await watch.axe(theirs, 'an invitation');
    await pictures(theirs, 'invitation');
    await theirs.getByRole('main').getByRole('link', { name: 'Create an account' }).click();
    await field(theirs, 'Your name').fill(guest.name);
    await field(theirs, 'E-mail').fill(guest.email);
    await field(theirs, 'Password').fill(guest.password);
    await theirs.getByRole('button', { name: 'Create account' }).click();
    await expect(theirs.getByRole('button', { name: 'Accept the invitation' })).toBeVisible();
    await watch.axe(theirs, 'an invitation to accept');
    await pictures(theirs, 'invitation-accept');
    await pressed(theirs, theirs.getByRole('button', { name: 'Accept the invitation' }), 'You are a member now.');
    await expect(theirs).toHaveURL(new RegExp(`/organizations/${owner.organization}/`));

    // An admin sees who is there and may invite; the owner sees the newcomer.
    await theirs.goto(`/organizations/${owner.organization}/team/`);
    await expect(theirs.getByRole('row').filter({ hasText: guest.email })).toContainText('Admin');
    await expect(theirs.getByRole('button', { name: 'Invite', exact: true })).toBeVisible();
    await page.reload();
    await expect(page.getByRole('row').filter({ hasText: guest.email })).toContainText('Admin');

    // The link is used: for the one who used it, and for anybody else.
    await isGone(theirs, link);
    await pictures(theirs, 'invitation-gone');
    await watch.axe(theirs, 'an invitation that is used');
    await theirs.context().clearCookies();
    await isGone(theirs, link);
    await theirs.context().close();
  });

  test('someone with an account signs in with the link; a member does not manage', async ({ page, browser, javaScriptEnabled, watch }) => {
    const owner = await register(someone('Olga Owner'));
    const guest = await register(someone('Gustav Guest'));
    await signIn(page, owner);
    const link = await invite(page, owner, guest.email, 'member');

    const theirs = await (await browser.newContext({ javaScriptEnabled })).newPage();
    watch.also(theirs.context());
    await theirs.goto(link);
    await theirs.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
    await field(theirs, 'E-mail').fill(guest.email);
    await field(theirs, 'Password').fill(guest.password);
    await theirs.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await pressed(theirs, theirs.getByRole('button', { name: 'Accept the invitation' }), 'You are a member now.');
    await theirs.goto(`/organizations/${owner.organization}/team/`);
    await expect(theirs.getByRole('row').filter({ hasText: guest.email })).toContainText('Member');
    await expect(theirs.getByRole('button', { name: 'Invite', exact: true })).toHaveCount(0);
    await expect(theirs.getByRole('button', { name: 'Remove' })).toHaveCount(0);

    // The owner gives them another role, and then takes them out.
    await page.reload();
    const row = page.getByRole('row').filter({ hasText: guest.email });
    await pressed(page, row.getByRole('button', { name: 'Make admin' }), 'The role is changed.');
    await expect(row).toContainText('Admin');
    await pressed(page, row.getByRole('button', { name: 'Remove' }), 'The member is removed.');
    await expect(row).toHaveCount(0);
    watch.allow(/status of 40[34]/);
    const after = await theirs.goto(`/organizations/${owner.organization}/team/`);
    expect([403, 404]).toContain(after?.status());
    await theirs.context().close();
  });

  test('a member leaves, and an owner who is not alone hands over', async ({ page, browser, javaScriptEnabled, watch }) => {
    const owner = await register(someone('Olga Owner'));
    const guest = await register(someone('Gustav Guest'));
    await signIn(page, owner);
    await page.goto(`/organizations/${owner.organization}/team/`);
    await expect(page.getByRole('button', { name: 'Leave' })).toHaveCount(0);
    const link = await invite(page, owner, guest.email, 'member');
    const theirs = await (await browser.newContext({ javaScriptEnabled })).newPage();
    watch.also(theirs.context());
    await signIn(theirs, guest);
    await theirs.goto(link);
    await theirs.getByRole('button', { name: 'Accept the invitation' }).click();
    await expect(theirs).toHaveURL(new RegExp(`/organizations/${owner.organization}/`));

    await page.reload();
    const own = page.getByRole('row').filter({ hasText: owner.email });
    const other = page.getByRole('row').filter({ hasText: guest.email });
    watch.allow(/status of 409/);
    await own.getByRole('button', { name: 'Leave' }).click();
    await expect(page.getByRole('alert')).toContainText('needs an owner');
    await pressed(page, other.getByRole('button', { name: 'Make owner' }), 'The role is changed.');
    await pressed(page, own.getByRole('button', { name: 'Leave' }), 'You have left the organization.');
    watch.allow(/status of 40[34]/);
    const after = await page.goto(`/organizations/${owner.organization}/team/`);
    expect([403, 404]).toContain(after?.status());
    await theirs.goto(`/organizations/${owner.organization}/team/`);
    await expect(theirs.getByRole('row').filter({ hasText: guest.email })).toContainText('Owner');
    await expect(theirs.getByRole('row').filter({ hasText: owner.email })).toHaveCount(0);
    await theirs.context().close();
  });

  test('somebody else who has the link cannot use it', async ({ page, browser, javaScriptEnabled, watch }) => {
    const owner = await register(someone('Olga Owner'));
    const stranger = await register(someone('Stan Stranger'));
    const guest = someone('Gustav Guest');
    await signIn(page, owner);
    const link = await invite(page, owner, guest.email, 'member');

    const theirs = await (await browser.newContext({ javaScriptEnabled })).newPage();
    watch.also(theirs.context());
    await signIn(theirs, stranger);
    await theirs.goto(link);
    await expect(theirs.getByText(`It was sent to ${guest.email}, and you are signed in as ${stranger.email}.`)).toBeVisible();
    await expect(theirs.getByRole('button', { name: 'Accept the invitation' })).toHaveCount(0);
    await watch.axe(theirs, 'an invitation of somebody else');
    await pictures(theirs, 'invitation-foreign');
    await theirs.getByRole('main').getByRole('button', { name: 'Sign out' }).click();
    await expect(theirs.getByRole('banner').getByRole('link', { name: 'Get started' })).toBeVisible();
    await theirs.goto(link);
    await expect(theirs.getByRole('main').getByRole('link', { name: 'Create an account' })).toBeVisible();
    await theirs.context().close();
  });

  test('a link that was taken back, replaced, or never given says so', async ({ page, watch }) => {
    watch.allow(/status of 410/);
    const owner = await register(someone('Olga Owner'));
    const guest = someone('Gustav Guest');
    await signIn(page, owner);
    const first = await invite(page, owner, guest.email, 'member');
    const second = await invite(page, owner, guest.email, 'admin', [first]);
    await expect(page.getByRole('row').filter({ hasText: guest.email })).toHaveCount(1);
    await isGone(page, first);
    await page.goto(second);
    await expect(page.getByRole('heading', { level: 1, name: /^Join Olga Owner/ })).toBeVisible();

    await page.goto(`/organizations/${owner.organization}/team/`);
    const row = page.getByRole('row').filter({ hasText: guest.email });
    await pressed(page, row.getByRole('button', { name: 'Take back' }), 'Withdrawn.');
    await expect(row).toHaveCount(0);
    await isGone(page, second);
    await isGone(page, '/invitation/nobody-has-written-this/');
  });
});
