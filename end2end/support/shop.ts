// What a test needs before it opens a page, made through the REST doors: a listed offering, a buyer
// with an agent, a key.

import { ApiError, call, operator, register, requireOperator, someone, tokenOf, type Account } from './api.ts';
import { flow } from './flow.ts';

export type Listed = { provider: Account; agent: string; offering: string; name: string; paidPlan: string; freePlan: string };

/** Makes a provider whose agent is listed, with a free plan and one of 29 USD; `runs` is its flow. */
export async function listAnOffering(runs: object = flow()): Promise<Listed> {
  requireOperator();
  const staff = await tokenOf(operator);
  const provider = await register(someone('Petra Provider'));
  const token = provider.token;
  await call('POST', '/api/marketplace-service-providers/', token, {
    customer: `/api/customers/${provider.organization}/`,
    description: 'We make parrots that repeat what they are told.',
    website: 'https://parrots.example',
  });
  await call('POST', `/api/marketplace-service-providers/${provider.organization}/approve/`, staff);
  const name = `Parrot ${provider.organization.slice(-8)}`;
  const agent = await call('POST', '/api/provider-agents/', token, {
    name,
    description: 'Repeats politely.',
    category: 'assistants',
    customer_uuid: provider.organization,
  });
  await call('POST', `/api/provider-agents/${agent.uuid}/import_flow/`, token, { flow_definition: runs, flow_version: '1.0.0' });
  const offering = (await call('POST', '/api/marketplace-provider-offerings/', token, { agent: agent.uuid })).uuid;
  await call('PATCH', `/api/marketplace-provider-offerings/${offering}/`, token, {
    tagline: 'Repeats politely.',
    full_description: '# Parrot\n\nSays what you say, word by word, and never loses its manners.',
    thumbnail: '/art/general-knowledge.svg',
  });
  const plan = async (plan: string, price: number, quota: number) =>
    (await call('POST', '/api/marketplace-plans/', token, { offering, name: plan, unit_price: price, monthly_quota: quota })).uuid as string;
  const paidPlan = await plan('Starter', 29, 100);
  const freePlan = await plan('Free', 0, 5);
  await call('POST', `/api/marketplace-provider-offerings/${offering}/submit/`, token, { note: 'Please.' });
  await call('POST', `/api/marketplace-provider-offerings/${offering}/activate/`, staff);
  return { provider, agent: agent.uuid, offering, name, paidPlan, freePlan };
}

/** Takes an offering off the marketplace, so that a deployment is left as it was found. */
export async function unlist(listed: Listed): Promise<void> {
  await call('POST', `/api/marketplace-provider-offerings/${listed.offering}/archive/`, listed.provider.token);
}

export const card = (number: string) => ({ number, expiry: '12/34', cvc: '123', name: 'Bea Buyer' });

/** Orders a plan; answers the order. */
export async function order(buyer: Account, offering: string, plan: string): Promise<any> {
  return call('POST', '/api/marketplace-orders/', buyer.token, {
    offering,
    plan,
    project: buyer.project,
    accepting_terms_of_service: true,
    attributes: { name: 'Our agent' },
  });
}

/** Pays in the sandbox; answers what came back, a refusal too. */
export async function pay(checkoutUrl: string, form: object): Promise<{ status: number; body: any }> {
  const session = new URL(checkoutUrl, 'http://any').pathname.split('/').filter(Boolean).pop();
  try {
    return { status: 200, body: await call('POST', `/api/payments/sandbox/checkout/${session}/pay/`, undefined, form) };
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, body: error.body };
    throw error;
  }
}

/** Reads `path` until `done`; says what it saw last when that takes too long. */
export async function until(path: string, token: string, done: (row: any) => boolean, seconds = 20): Promise<any> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const row = await call('GET', path, token);
    if (done(row)) return row;
    if (Date.now() > deadline) throw new Error(`${path} is not done after ${seconds} s: ${JSON.stringify(row)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export type Subscribed = { buyer: Account; order: string; resource: string; config: string };

/** Makes a buyer who has paid, and waits until the agent is set up. */
export async function subscribe(offering: string, plan: string, number = '4242 4242 4242 4242'): Promise<Subscribed> {
  const buyer = await register(someone('Bea Buyer'));
  const placed = await order(buyer, offering, plan);
  if (placed.checkout_url) {
    const paid = await pay(placed.checkout_url, card(number));
    if (paid.status !== 200) throw new Error(`the payment was refused: ${JSON.stringify(paid)}`);
  }
  const done = await until(`/api/marketplace-orders/${placed.uuid}/`, buyer.token, (row) => row.state === 'done');
  return { buyer, order: placed.uuid, resource: done.marketplace_resource_uuid, config: done.config_uuid };
}

/** Ends a subscription. */
export async function terminate(subscribed: Subscribed): Promise<void> {
  await call('POST', `/api/marketplace-resources/${subscribed.resource}/terminate/`, subscribed.buyer.token);
}

/** Makes a key; answers the secret and its identifier. */
export async function makeKey(subscribed: Subscribed, form: object = { name: 'Tests' }): Promise<{ key: string; uuid: string }> {
  return call('POST', `/api/customer-agent-configs/${subscribed.config}/api_keys/`, subscribed.buyer.token, form);
}

const base = (process.env.BASE_URL ?? 'http://127.0.0.1:3000').replace(/\/$/, '');

export type Reply = { status: number; body: any; headers: Headers; text: string };

/** Calls the gateway as a program does. */
export async function gateway(door: string, init: RequestInit & { key?: string; json?: unknown } = {}): Promise<Reply> {
  const { key, json, headers, ...rest } = init;
  const response = await fetch(`${base}/api/agent-gateway/${door}`, {
    method: 'POST',
    ...rest,
    headers: {
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...(headers as Record<string, string> | undefined),
    },
    body: json === undefined ? rest.body : JSON.stringify(json),
  });
  const text = await response.text();
  let body: any;
  try {
    body = JSON.parse(text);
  } catch {
    // A stream or an empty body.
  }
  return { status: response.status, body, headers: response.headers, text };
}
