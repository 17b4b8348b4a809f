// Serves the pages of widget/fixtures as customers' sites do: on another origin, with their own headers.
//
//   node hosts.mjs [PORT]
//   http://shop.localhost:PORT/plain.html?host=http://127.0.0.1:3000&config=…&key=ar_pk_live_…
//
// Each page takes host, config, key, and may take position and theme. A page says in comments which
// policy (`csp:`) and headers (`header:`) it comes with.
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';

const folder = new URL('../widget/fixtures/', import.meta.url);
const escaped = (text) => text.replace(/[&<>"'\\]/g, (c) => `&#${c.charCodeAt(0)};`);

/** Starts the server; answers its port and how to stop it. */
export async function serveHosts(port = 0) {
  const pages = new Set((await readdir(folder)).filter((name) => name.endsWith('.html')));
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://host');
    const name = url.pathname.slice(1);
    if (!pages.has(name)) {
      response.writeHead(name === 'favicon.ico' ? 204 : 404).end();
      return;
    }
    const values = { position: 'bottom-right', theme: 'auto', ...Object.fromEntries(url.searchParams), nonce: randomBytes(16).toString('hex') };
    const source = await readFile(new URL(name, folder), 'utf8');
    const page = source.replace(/\{\{(\w+)\}\}/g, (_, field) => escaped(values[field] ?? ''));
    const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
    const policy = /<!-- csp: (.*?) -->/.exec(source)?.[1];
    if (policy) headers['content-security-policy'] = policy.replace(/\{\{(\w+)\}\}/g, (_, field) => (values[field] ?? '').replace(/[;,\s]/g, ''));
    for (const [, header, value] of source.matchAll(/<!-- header: ([\w-]+): (.*?) -->/g)) headers[header] = value;
    response.writeHead(200, headers).end(page);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return { port: server.address().port, stop: () => new Promise((done) => server.close(done)) };
}

if (process.argv[1] && import.meta.url === new URL(`file://${process.argv[1]}`).href) {
  const { port } = await serveHosts(Number(process.argv[2] ?? 0));
  console.log(`The host pages are at http://shop.localhost:${port}/plain.html?host=…&config=…&key=…`);
}
