// A customer's site: a page on another origin with our snippet pasted into it, on this machine.
// Browsers resolve every name under `localhost` themselves, so each name is a site of its own.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Site = {
  /** The origin of a site of that name: `http://shop.localhost:…`. */
  origin(name: string): string;
  /** What is pasted into the page, from now on. */
  paste(snippet: string): void;
  stop(): Promise<void>;
};

/** Starts the site. Its page is the same under every name. */
export async function serveSite(): Promise<Site> {
  let snippet = '';
  const server: Server = createServer((request, response) => {
    if (new URL(request.url ?? '/', 'http://site').pathname !== '/') {
      response.writeHead(204).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>A shop</title></head>
<body><main><h1>A shop</h1><p>Nothing is special about this page.</p></main>
${snippet}
</body>
</html>`);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    origin: (name) => `http://${name}.localhost:${port}`,
    paste: (text) => {
      snippet = text;
    },
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}
