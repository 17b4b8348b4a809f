// The gateway as a program meets it. No page is involved: it is one suite, run in one project.

import { call } from '../support/api.ts';
import { answerTo } from '../support/flow.ts';
import { expect, test } from '../support/journey.ts';
import { gateway, listAnOffering, makeKey, subscribe, terminate, unlist, type Listed, type Subscribed } from '../support/shop.ts';

test.skip(({ javaScriptEnabled }) => javaScriptEnabled === false, 'programs have no JavaScript to switch off');

let listed: Listed;
let subscribed: Subscribed;
let key: string;
test.beforeAll(async ({}, info) => {
  if (info.project.use.javaScriptEnabled === false) return;
  listed = await listAnOffering();
  subscribed = await subscribe(listed.offering, listed.paidPlan);
  key = (await makeKey(subscribed)).key;
});
test.afterAll(async () => {
  if (subscribed) await terminate(subscribed);
  if (listed) await unlist(listed);
});

const refused = { error: 'unauthorized', detail: 'Invalid or missing API key' };

test('a key is validated in every way that it may be sent', async () => {
  for (const method of ['GET', 'POST']) {
    const answer = await gateway('validate/', { method, key });
    expect(answer.status).toBe(200);
    expect(answer.body.config_uuid ?? answer.body.config_id).toBe(subscribed.config);
  }
  expect((await gateway('validate/', { headers: { 'x-api-key': key } })).status).toBe(200);
  const wrong = await gateway('validate/', { key: `${key}x` });
  expect([wrong.status, wrong.body]).toEqual([401, refused]);
});

test('a call is answered, and every answer can be told by its name', async () => {
  const answer = await gateway('invoke/', { key, json: { input: 'hello', session_id: 's-1' } });
  expect(answer.status).toBe(200);
  expect(answer.body.output).toBe(answerTo('hello'));
  expect(answer.body.session_id).toBe('s-1');
  expect(answer.body.request_id).toMatch(/^[0-9a-f]{32}$/);
  expect(Object.keys(answer.body.usage).sort()).toEqual(['elapsed_ms', 'input_tokens', 'output_tokens']);
  expect(answer.headers.get('x-request-id')).toBeTruthy();
  const usage = await call('GET', `/api/customer-agent-configs/${subscribed.config}/usage/`, subscribed.buyer.token);
  expect(usage.recent[0].request_id).toBe(answer.body.request_id);
});

test('a call without a session gets one', async () => {
  const first = await gateway('invoke/', { key, json: { input: 'one' } });
  const other = await gateway('invoke/', { key, json: { input: 'two' } });
  expect(first.body.session_id).toBeTruthy();
  expect(other.body.session_id).not.toBe(first.body.session_id);
});

test('an answer streams when that is asked for', async () => {
  const answer = await gateway('invoke/', { key, json: { input: 'stream' }, headers: { accept: 'text/event-stream' } });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const names = [...answer.text.matchAll(/^event: ?(\w+)$/gm)].map(([, name]) => name).filter((name) => name !== 'ping');
  expect(names[0]).toBe('session');
  expect(names).toContain('token');
  expect(names.at(-1)).toBe('message_end');
  expect(answer.text).toContain(answerTo('stream'));
});

test('a call without a key, or with a wrong one, is refused alike', async () => {
  const none = await gateway('invoke/', { json: { input: 'hello' } });
  const wrong = await gateway('invoke/', { key: 'ar_sk_live_nobody', json: { input: 'hello' } });
  const forged = await gateway('invoke/', { key: key.slice(0, -4) + 'AAAA', json: { input: 'hello' } });
  for (const answer of [none, wrong, forged]) expect([answer.status, answer.body]).toEqual([401, refused]);
  expect(none.headers.get('www-authenticate')).toBe('Bearer');
});

test('nobody learns what is wrong with a body before they are known', async () => {
  const answer = await gateway('invoke/', { json: { wrong: true } });
  expect([answer.status, answer.body]).toEqual([401, refused]);
});

test('a body that is wrong is refused and says what to change', async () => {
  for (const json of [{}, { input: '' }, { input: '   ' }, { input: 'hello', inputs: 'typo' }]) {
    const answer = await gateway('invoke/', { key, json });
    expect([json, answer.status]).toEqual([json, 422]);
    expect(answer.body.error).toBe('invalid');
    expect(answer.body.detail).toMatch(/input|empty/);
  }
  expect((await gateway('invoke/', { key, body: 'not json', headers: { 'content-type': 'application/json' } })).status).toBe(422);
  expect((await gateway('invoke/', { key, json: { input: 'x'.repeat(2_000_000) } })).status).toBe(413);
});

test('a field of the wrong type is named', async () => {
  const answer = await gateway('invoke/', { key, json: { input: 7 } });
  expect([answer.status, answer.body.error]).toEqual([422, 'invalid']);
  expect(answer.body.detail).toContain('input');
});

test('a repeated call is answered from what was kept, and counted once', async () => {
  const path = `/api/customer-agent-configs/${subscribed.config}/usage/`;
  const before = await call('GET', path, subscribed.buyer.token);
  const headers = { 'idempotency-key': `once-${Date.now()}` };
  const first = await gateway('invoke/', { key, headers, json: { input: 'only once' } });
  const again = await gateway('invoke/', { key, headers, json: { input: 'only once' } });
  expect([first.status, again.status]).toEqual([200, 200]);
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  const other = await gateway('invoke/', { key, headers, json: { input: 'something else' } });
  expect(other.status).toBe(422);
  const after = await call('GET', path, subscribed.buyer.token);
  expect(after.used - before.used).toBe(1);
});

test('a key of another purpose cannot do this one', async () => {
  const page = await makeKey(subscribed, { name: 'Page', kind: 'publishable', allowed_origins: ['https://shop.example'] });
  expect(page.key).toMatch(/^ar_pk_live_/);
  const foreign = await gateway('invoke/', { key: page.key, json: { input: 'hello' }, headers: { origin: 'https://elsewhere.example' } });
  expect(foreign.status).toBe(403);
  const secret = await gateway('invoke/', { key, json: { input: 'hello' }, headers: { origin: 'https://shop.example' } });
  expect(secret.status).toBe(403);
});

test('a revoked key is refused at once', async () => {
  const made = await makeKey(subscribed, { name: 'Short-lived' });
  expect((await gateway('validate/', { key: made.key })).status).toBe(200);
  await call('POST', `/api/agent-api-keys/${made.uuid}/revoke/`, subscribed.buyer.token);
  await expect.poll(async () => (await gateway('invoke/', { key: made.key, json: { input: 'hello' } })).status, { timeout: 1_000 }).toBe(401);
});

test('a regenerated key takes the place of the old one', async () => {
  const made = await makeKey(subscribed, { name: 'Renewed' });
  const next = await call('POST', `/api/agent-api-keys/${made.uuid}/regenerate/`, subscribed.buyer.token);
  expect(next.key).not.toBe(made.key);
  expect((await gateway('invoke/', { key: next.key, json: { input: 'hello' } })).status).toBe(200);
  await expect.poll(async () => (await gateway('validate/', { key: made.key })).status, { timeout: 1_000 }).toBe(401);
});

test('the quota of a plan holds, and says what to do', async () => {
  const free = await subscribe(listed.offering, listed.freePlan);
  const made = await makeKey(free);
  for (let call = 0; call < 5; call += 1) {
    expect((await gateway('invoke/', { key: made.key, json: { input: `call ${call}` } })).status).toBe(200);
  }
  const over = await gateway('invoke/', { key: made.key, json: { input: 'one too many' } });
  expect(over.status).toBe(402);
  expect(over.body.detail).toBeTruthy();
  await terminate(free);
});

test('the gateway says how it is', async () => {
  const health = await gateway('health/', { method: 'GET' });
  expect([health.status, health.body.status]).toEqual([200, 'healthy']);
});

test('a runtime without the secret cannot report usage', async () => {
  const answer = await gateway('usage/', { json: { config_uuid: subscribed.config, input_tokens: 1, output_tokens: 1 } });
  expect([401, 403, 404]).toContain(answer.status);
});
