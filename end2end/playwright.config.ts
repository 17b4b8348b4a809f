import { defineConfig } from '@playwright/test';
import { existsSync } from 'node:fs';

// Where the deployment is. The suite makes the data it needs through the public doors. An operator's
// login (CMP_OPERATOR_EMAIL, CMP_OPERATOR_PASSWORD) and the folder of its letters (CMP_MAIL_DIR) have to be given.
const baseURL = (process.env.BASE_URL ?? 'http://127.0.0.1:3000').replace(/\/$/, '');

// A Chromium of the system, where there is one; Playwright's own otherwise (npx playwright install chromium).
const executablePath = process.env.CHROMIUM_PATH ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync);

const browser = {
  launchOptions: {
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  },
};

export default defineConfig({
  testDir: 'tests',
  timeout: 60_000,
  expect: { timeout: 10_000 },
  fullyParallel: false,
  workers: 1,
  retries: 0,
  reporter: process.env.CI ? [['list'], ['json', { outputFile: process.env.PLAYWRIGHT_JSON ?? 'test-results/report.json' }]]
    : [['list'], ['json', { outputFile: process.env.PLAYWRIGHT_JSON ?? 'test-results/report.json' }]],
  use: { baseURL, trace: 'retain-on-failure', locale: 'en-US', timezoneId: 'UTC' },
  projects: [
    { name: 'with JavaScript', use: { ...browser } },
    // Everything but live chat works without it; files named *.hydrate.spec.ts need it.
    { name: 'without JavaScript', use: { ...browser, javaScriptEnabled: false }, testIgnore: /.*\.hydrate\.spec\.ts/ },
  ],
});
