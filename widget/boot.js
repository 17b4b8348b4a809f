// Starts the chat inside our frame, and does for the wasm what browsers do with promises and
// callbacks: requests, timers, listeners. What follows from them is decided there, not here.
//
// What a newcomer gets wrong: the document works without us. When the wasm is blocked or breaks,
// the form is left to the browser, which posts it to the server.
import init, * as wasm from './widget.js';

const by = (id) => document.getElementById(id);
const [chat, log, form, input, count, again, fresh, down, close] = ['chat', 'log', 'form', 'input', 'count', 'retry', 'new', 'down', 'close'].map(by);
const { config_id, away, strings } = JSON.parse(by('boot').textContent);
const place = 'gsv_' + config_id;
let port, alive, impatient, visible, seen, key, parent_origin;
let token, expires, request;

const tell = (t, value) => port.postMessage({ t, value });

// Where storage is denied to frames of other sites, as in private windows, a cookie that only this
// page's site sees may still be kept; otherwise the conversation lasts as long as the frame.
const kept = () => {
  try {
    return localStorage.getItem(place) || undefined;
  } catch {
    return new RegExp(place + '=([^;]+)').exec(document.cookie)?.[1];
  }
};
const keep = (handle = '') => {
  try {
    localStorage.setItem(place, handle);
  } catch {
    document.cookie = `${place}=${handle};path=${location.pathname};max-age=${handle && 2592000};samesite=none;secure;partitioned`;
  }
};

const send = async (attempt, path, body, done, idempotency) => {
  const controller = new AbortController();
  request = controller;
  let silence;
  // The server says something every 15 seconds; after 50 the line is dead.
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => controller.abort(), 50000);
  };
  const headers = { 'content-type': 'application/json' };
  if (path !== 'session/') headers.authorization = 'Bearer ' + token;
  if (idempotency) {
    headers.accept = 'text/event-stream';
    headers['idempotency-key'] = idempotency;
  }
  try {
    heard();
    const response = await fetch('/api/agent-gateway/' + path, {
      method: body ? 'POST' : 'GET',
      headers,
      body: body && JSON.stringify(body),
      // Signing in to our site has nothing to do with a visitor's chat.
      credentials: 'omit',
      signal: controller.signal,
    });
    if (!response.ok) wasm.failed(attempt, response.status, +response.headers.get('retry-after') || 0);
    else if (/^text\/event-stream/.test(response.headers.get('content-type'))) {
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        heard();
        if (!wasm.received(attempt, value)) return controller.abort();
      }
      wasm.closed(attempt);
    } else done(await response.json());
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    wasm.failed(attempt, 0, 0);
  } finally {
    clearTimeout(silence);
  }
};

// What an answer is from, below it, where the owner shows that. Names of files are no markdown; a web page is a link.
const sourced = (text, { citations }) => {
  if (!citations || !citations.length) return text;
  const names = citations.map(({ name, page, url }) => {
    name = name.replace(/[!-/:-@[-`{-~]/g, '\\$&') + (page ? ` (${page})` : '');
    return /^https?:[^\s<>]+$/.test(url) ? `[${name}](${url.replaceAll('(', '%28').replaceAll(')', '%29')})` : name;
  });
  return `${text}\n\n${strings.sources} ${[...new Set(names)].join(' · ')}`;
};

// What the wasm calls; see `Browser` in src/page.rs.
const browser = {
  open(attempt, renew) {
    if (token && !renew && Date.now() < expires) return queueMicrotask(() => wasm.opened(attempt));
    send(attempt, 'session/', { config_id, key, parent_origin, handle: kept() }, (session) => {
      token = session.token;
      // A token is not used in its last half minute.
      expires = Date.now() + session.expires_in * 1000 - 30000;
      keep(session.handle);
      wasm.opened(attempt);
    });
  },
  fetch: (attempt) =>
    send(attempt, 'session/messages/', undefined, (messages) => {
      for (const said of messages) wasm.remembered(said.role === 'user', sourced(said.text, said));
      wasm.returned(attempt);
    }),
  invoke: (attempt, input, key) => send(attempt, 'invoke/', { input }, (answer) => wasm.answered(attempt, sourced(answer.output, answer)), key),
  abort: () => request && request.abort(),
  forget() {
    token = 0;
    keep();
  },
  wait: (attempt, milliseconds) => setTimeout(wasm.ticked, milliseconds, attempt),
  // A hidden document gets no frames.
  soon: () => (visible && !document.hidden ? requestAnimationFrame(() => wasm.draw()) : setTimeout(wasm.draw, 200)),
  tell(what, problem) {
    tell(what, problem && { error: problem });
    if (what === 'reply' && !visible) tell('unread');
  },
  field(json, name) {
    try {
      const data = JSON.parse(json);
      const value = data[name];
      return value == null ? undefined : sourced(String(value), name === 'output' ? data : {});
    } catch {}
  },
  text: (name) => strings[name],
};

const fresh_key = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, 0)).join('');

const measure = () => {
  const { length } = input.value;
  count.textContent = length > 3600 ? length + '/4000' : '';
};

const submit = (text) => {
  // Before the wasm is there, the message waits for it.
  if (!alive) impatient = text;
  else if (wasm.send(text, fresh_key())) {
    input.value = '';
    measure();
  }
  input.focus();
};

const listen = () => {
  // Stopping an answer is no message; the check for one would hold it back.
  form.noValidate = true;
  form.onsubmit = (event) => {
    event.preventDefault();
    // A starter is a button of the form that has the message as its value.
    const starter = event.submitter && event.submitter.value;
    if (chat.ariaBusy === 'true' && !starter) alive && wasm.stop();
    else submit(starter || input.value);
  };
  input.onkeydown = (event) => {
    // While a word is being composed (Japanese, Chinese …), Enter ends the word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    if (chat.ariaBusy !== 'true') submit(input.value);
  };
  input.oninput = measure;
  again.onclick = () => {
    if (alive) wasm.retry(fresh_key());
    input.focus();
  };
  fresh.onclick = () => {
    if (alive) wasm.renew();
    input.focus();
  };
  down.onclick = () => (log.scrollTop = log.scrollHeight);
  log.onscroll = () => {
    if (log.scrollHeight - log.scrollTop - log.clientHeight < 48) down.hidden = true;
  };
  chat.addEventListener('click', ({ target }) => {
    if (target.className !== 'copy') return;
    navigator.clipboard.writeText(target.previousSibling.textContent).then(() => (target.textContent = strings.copied), () => {});
  });
  addEventListener('online', () => alive && wasm.network(true));
  addEventListener('offline', () => alive && wasm.network(false));
};

// The wasm stopped in the middle of something; only a fresh one can go on.
const broken = ({ error, reason }) => {
  if (!alive || !((error || reason) instanceof WebAssembly.RuntimeError)) return;
  alive = false;
  by('notice').textContent = strings.crashed;
  again.textContent = strings.reload;
  again.hidden = again.disabled = false;
  again.onclick = () => location.reload();
  tell('error', { error: 'crashed' });
};

const paint = (theme) => {
  if (/^(light|dark|auto)$/.test(theme)) document.documentElement.dataset.theme = theme;
};

const hear = ({ data: { t, value } }) => {
  if (t === 'theme') paint(value);
  else if (t === 'show') {
    visible = true;
    chat.ariaModal = innerWidth <= 480;
    input.focus();
    if (alive && !seen) wasm.shown(!!kept());
    seen = true;
  } else if (t === 'hide') visible = false;
  else if (t === 'send' && alive) submit(String(value));
};

const greet = async ({ source, origin, data, ports }) => {
  if (port || source !== parent || !ports[0] || !data || typeof data.key !== 'string') return;
  port = ports[0];
  key = data.key;
  parent_origin = origin;
  paint(data.theme);
  close.hidden = false;
  close.onclick = () => tell('close');
  addEventListener('keydown', (event) => event.key === 'Escape' && !event.isComposing && tell('close'));
  port.onmessage = hear;
  // Its owner has switched it off; the document says so.
  if (away) return tell('ready');
  listen();
  addEventListener('error', broken);
  addEventListener('unhandledrejection', broken);
  try {
    await init({ module_or_path: new URL('widget_bg.wasm', import.meta.url) });
    alive = wasm.start(browser, navigator.onLine);
  } catch (error) {
    console.warn('The chat runs in its simple form:', error);
  }
  tell('ready');
  if (alive) {
    if (impatient) submit(impatient);
    return;
  }
  form.onsubmit = null;
  form.noValidate = false;
  if (impatient) form.requestSubmit();
};

if (parent !== window) {
  addEventListener('message', greet);
  // Says only that we are here, so anyone may hear it; the answer brings the key.
  parent.postMessage('gsv', '*');
}
