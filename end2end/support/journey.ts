// What every page is held to: no console error, no request to a foreign host, nothing serious for axe.

import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type BrowserContext, type Page } from '@playwright/test';

export { expect };
export type { Page };

type Watch = {
  /** Holds a second person's browser to the same. */
  also(context: BrowserContext): void;
  /** Lets one console message pass, for journeys that provoke it. */
  allow(message: RegExp): void;
  /** Looks at a page with axe; fails on serious and critical findings. */
  axe(page: Page, where: string): Promise<void>;
};

export const test = base.extend<{ watch: Watch; javaScript: boolean }>({
  javaScript: async ({ javaScriptEnabled }, use) => {
    await use(javaScriptEnabled !== false);
  },
  watch: [
    async ({ context, baseURL, javaScriptEnabled }, use, info) => {
      const problems: string[] = [];
      const allowed: RegExp[] = [];
      const ours = new URL(baseURL ?? 'http://127.0.0.1:3000').host;
      const note = (problem: string) => problems.push(problem);
      const also = (watched: BrowserContext) => {
        watched.on('console', (message) => {
          if (message.type() === 'error') note(`console: ${message.text()} (${message.location().url})`);
        });
        watched.on('weberror', (error) => note(`uncaught: ${error.error().message}`));
        watched.on('request', (request) => {
          const url = new URL(request.url());
          const local = url.hostname === 'localhost' || url.hostname.endsWith('.localhost') || url.hostname === '127.0.0.1';
          if (/^https?:$/.test(url.protocol) && url.host !== ours && !local) note(`foreign host: ${request.url()}`);
        });
      };
      also(context);
      await use({
        also,
        allow: (message) => allowed.push(message),
        axe: async (page, where) => {
          // axe runs as a script in the page, which a page without JavaScript cannot have.
          if (javaScriptEnabled === false) return;
          const found = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
          const serious = found.violations.filter((violation) => ['serious', 'critical'].includes(violation.impact ?? ''));
          const lines = serious.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(' ') + ' — ' + (node.any[0]?.message ?? '')).join(' | ')}`);
          expect(lines, `axe at ${where}`).toEqual([]);
        },
      });
      const left = [...new Set(problems)].filter((problem) => !allowed.some((pattern) => pattern.test(problem)));
      if (info.status === info.expectedStatus) expect(left, 'what the browser complained about').toEqual([]);
    },
    { auto: true },
  ],
});

/** Takes pictures of a page as people see it: phone and desktop, light and dark. */
export async function pictures(page: Page, name: string): Promise<void> {
  const folder = process.env.CMP_SCREENSHOTS;
  if (!folder) return;
  const before = page.viewportSize();
  for (const [size, width, height] of [['phone', 390, 844], ['desktop', 1280, 900]] as const) {
    for (const scheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      // A page that is scrolled shows its bar in the middle; one that changes colours shows them half changed.
      await page.mouse.wheel(0, -100_000);
      await page.screenshot({ path: `${folder}/${name}-${size}-${scheme}.png`, fullPage: true, animations: 'disabled' });
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before) await page.setViewportSize(before);
}
