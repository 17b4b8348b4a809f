// The public doors of a deployment, for tests that need data before they open a page.

const base = (process.env.BASE_URL ?? 'http://127.0.0.1:3000').replace(/\/$/, '');

export const operator = {
  email: process.env.CMP_OPERATOR_EMAIL ?? '',
  password: process.env.CMP_OPERATOR_PASSWORD ?? '',
};

/** Says what the suite needs, when it is missing. */
export function requireOperator(): void {
  if (!operator.email || !operator.password) {
    throw new Error(
      'These journeys need an operator: set CMP_OPERATOR_EMAIL and CMP_OPERATOR_PASSWORD. ' +
        'On the server, `cmp user create-operator --email …` makes one.',
    );
  }
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
    what: string,
  ) {
    super(`${what} answered ${status}: ${JSON.stringify(body)}`);
  }
}

/** Calls the REST API as someone; throws on anything but 2xx. */
export async function call<T = any>(method: string, path: string, token?: string, body?: unknown): Promise<T> {
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(token ? { authorization: `Token ${token}` } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  let answer: any = text;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // Not JSON; the text says what it is.
  }
  if (!response.ok) throw new ApiError(response.status, answer, `${method} ${path}`);
  return answer;
}

export type Person = { name: string; email: string; password: string };
export type Account = Person & { token: string; organization: string; project: string };

let counter = 0;

/** Makes up a person that nobody else in this run is. */
export function someone(name: string): Person {
  counter += 1;
  const unique = `${Date.now().toString(36)}${process.pid.toString(36)}${counter}`;
  return { name, email: `${name.toLowerCase().replace(/[^a-z]+/g, '.')}.${unique}@example.com`, password: `correct horse ${unique}` };
}

export async function register(person: Person): Promise<Account> {
  const user = await call('POST', '/api-auth/register/', undefined, person);
  return { ...person, token: user.token, organization: user.customers[0].uuid, project: user.customers[0].project_uuid };
}

export async function tokenOf(person: { email: string; password: string }): Promise<string> {
  return (await call('POST', '/api-auth/password/', undefined, { username: person.email, password: person.password })).token;
}

/** Finds a listed offering that came with the sample content. */
export async function offeringNamed(name: string): Promise<any> {
  const found = await call('GET', `/api/marketplace-public-offerings/?keyword=${encodeURIComponent(name)}&page_size=50`);
  const offering = found.find((candidate: any) => candidate.name === name);
  if (!offering) throw new Error(`There is no listed offering ${name}; is the sample content loaded (cmp seed)?`);
  return offering;
}
