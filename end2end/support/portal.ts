// What people do on many pages, said once: find a control by its label, sign in, sign out.

import { expect, type Locator, type Page } from '@playwright/test';

/** Finds a control by its whole label; the word "optional" behind it is not counted. */
export function field(at: Page | Locator, label: string): Locator {
  const literal = label.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return at.getByLabel(new RegExp(`^\\s*${literal}\\s*(optional)?\\s*$`));
}

/** Finds a part of a page by its heading. */
export function card(page: Page, heading: string | RegExp): Locator {
  return page.locator('section').filter({ has: page.getByRole('heading', { name: heading, exact: typeof heading === 'string' }) });
}

/** Presses a button and waits for the notice that follows. */
export async function pressed(page: Page, button: Locator, notice: string): Promise<void> {
  // A notice of the step before would look like this one's.
  await button.click();
  await expect(page.getByRole('status').filter({ hasText: notice })).toBeVisible();
}

/** Signs in on the sign-in page. */
export async function signIn(page: Page, person: { email: string; password: string }): Promise<void> {
  await page.goto('/login/');
  await field(page, 'E-mail').fill(person.email);
  await field(page, 'Password').fill(person.password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await expect(page).not.toHaveURL(/\/login\//);
}

/** Signs out with the menu on top. */
export async function signOut(page: Page): Promise<void> {
  await page.locator('summary').filter({ hasText: /Menu of / }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('banner').getByRole('link', { name: 'Get started' })).toBeVisible();
}
