// The only script that a customer's page loads: draws the launcher, and our frame when it is opened.
//
// What a newcomer gets wrong: the page may forbid wasm, inline styles, innerHTML and foreign
// requests. So there is no wasm here, styles are a constructed sheet, and all else is in the frame.
// Every byte counts (2,048 as brotli): texts are short, and what can be in the frame is.
(() => {
  const win = window;
  const doc = document;
  const root = doc.documentElement;
  const before = win.GSVWidget;
  if (before && before.init) return; // Loaded twice: the first one stays.

  const script = doc.currentScript || doc.querySelector('script[src*="/widget/loader"]');
  const base = script.src.replace(/\/widget\/.*/, '');
  const { origin } = new URL(base);
  const phone = '(max-width:480px)';
  const css =
    ':host{all:initial!important}' +
    '@media print{:host{display:none!important}}' +
    'button,.f{position:fixed;z-index:9999999999;bottom:20px;right:20px;border:0;box-shadow:0 4px 24px #0005}' +
    'button{width:56px;height:56px;padding:16px;border-radius:50%;background:currentColor;color:#4f46e5;cursor:pointer;forced-color-adjust:none}' +
    ':focus-visible{outline:3px solid;outline-offset:3px}' +
    'button:before{content:"";display:block;height:24px;background:#fff;background:oklch(from currentColor calc((.68 - l)*999) 0 0);clip-path:path("M5 3h14a3 3 0 0 1 3 3v9a3 3 0 0 1-3 3h-7l-5 4v-4H5a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3z")}' +
    '.o button:before{clip-path:path("M3 7l2-2 7 7 7-7 2 2-9 9z")}' +
    '.u:after{content:"";position:absolute;top:0;right:0;padding:8px;border-radius:50%;background:#e11d48}' +
    '.f{bottom:88px;width:min(400px,100vw - 40px);height:min(680px,100vh - 108px);border-radius:16px;background:Canvas;visibility:hidden}' +
    'a{height:auto!important;box-sizing:border-box;padding:24px;font:16px/1.5 system-ui}' +
    '.o .f{visibility:visible}' +
    '.top *{bottom:auto;top:20px}.top .f{top:88px}.left *{right:auto;left:20px}' +
    `@media${phone}{.o iframe{inset:0;width:100%;height:100%;border-radius:0}.o iframe~button{display:none}}`;

  let options = {};
  let host, box, launcher, frame, note, line, port, timer, watcher;
  let isOpen = false;
  let heard = {};
  let waiting = [];

  // Tells the page's own code; a listener that throws breaks nothing of ours.
  const tell = (name, detail) => {
    (heard[name] || []).forEach((listener) => {
      try {
        listener(detail);
      } catch (error) {
        console.error(error);
      }
    });
    (host || root).dispatchEvent(new CustomEvent('gsv:' + name, { detail, bubbles: true, composed: true }));
  };

  const refuse = (error) => {
    console.warn('GSVWidget: ' + error);
    tell('error', { error });
  };

  // Until the frame is ready, what it should know waits.
  const post = (t, value) => (port ? port.postMessage({ t, value }) : waiting.push([t, value]));

  const hear = ({ data: { t, value } }) => {
    if (t == 'ready') {
      port = line;
      post(isOpen ? 'show' : 'hide');
      waiting.splice(0).forEach((call) => post(...call));
    }
    if (t == 'close') show(false);
    else if (t == 'unread') launcher.classList.toggle('u', !isOpen);
    else tell(t, value);
  };

  // Greets the frame, which says hello first; the key goes over the port and into no address.
  const greet = ({ data, source, origin: from }) => {
    if (!frame || source != frame.contentWindow || from != origin || data != 'gsv') return;
    clearTimeout(timer);
    const channel = new MessageChannel();
    line = channel.port1;
    line.onmessage = hear;
    port = 0;
    const { apiKey: key, theme } = options;
    source.postMessage({ key, theme }, origin, [channel.port2]);
  };

  // Says why there is no chat; opening it again tries again.
  const explain = () => {
    frame && frame.remove();
    frame = line = port = 0;
    note = doc.createElement('a');
    note.className = 'f';
    note.href = base + '/chat/' + options.configId;
    note.target = '_blank';
    note.textContent = 'Chat cannot be reached here. Open in new tab';
    note.role = 'alert';
    box.prepend(note);
    tell('error', { error: 'unreachable' });
  };

  const later = (seconds) => {
    clearTimeout(timer);
    timer = setTimeout(explain, seconds * 1000);
  };

  const load = () => {
    if (frame) return;
    note && note.remove();
    note = 0;
    if (navigator.onLine === false) return explain();
    frame = doc.createElement('iframe');
    frame.className = 'f';
    frame.title = options.label || 'Chat';
    frame.allow = 'clipboard-write';
    frame.src = base + '/widget/frame/' + options.configId + '?lang=' + (options.lang || root.lang);
    // A frame that was refused or not reached also "loads", but never says hello.
    frame.onload = () => line || later(3);
    later(20);
    box.prepend(frame);
  };

  const early = () => (navigator.connection || {}).saveData || navigator.onLine === false || load();
  const back = () => isOpen && note && load();
  const attach = () => host.isConnected || root.append(host);

  const hook = (verb) => {
    win[verb + 'EventListener']('message', greet);
    win[verb + 'EventListener']('online', back);
  };

  const show = (open) => {
    if (!host) return refuse('init comes first');
    box.className = (options.position + '').replace('-', ' ') + (open ? ' o' : '');
    launcher.ariaExpanded = open;
    if (open == isOpen) return;
    isOpen = open;
    // On a phone the chat covers the page, which must not be reached behind it.
    if (doc.body) doc.body.inert = open && matchMedia(phone).matches;
    if (open) {
      launcher.className = '';
      load();
      frame && frame.focus();
    } else if (doc.activeElement == host) launcher.focus();
    port && post(open ? 'show' : 'hide');
    tell(open ? 'open' : 'close');
  };

  const draw = () => {
    host = doc.createElement('gsv-widget');
    const shadow = host.attachShadow({ mode: 'open' });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [sheet];
    box = doc.createElement('div');
    launcher = doc.createElement('button');
    launcher.ariaLabel = options.label || 'Chat';
    launcher.ariaHasPopup = 'dialog';
    shadow.append(box);
    box.append(launcher);
    launcher.style.color = options.color; // The icon is black or white, whichever can be seen on it.
    launcher.onclick = api.toggle;
    launcher.onpointerenter = launcher.onfocus = early;
    hook('add');
    attach();
    watcher = new MutationObserver(attach);
    watcher.observe(root, { childList: true });
  };

  const api = {
    init(wanted) {
      const { configId, apiKey, theme } = wanted || {};
      if (!/^[\da-f-]{32,36}$/i.test(configId)) return refuse('configId is wrong');
      if (!/^ar_[ps]k_\w+_\S/.test(apiKey)) return refuse('apiKey is wrong');
      if (apiKey[3] == 's') console.warn('GSVWidget: visitors can read this key; use ar_pk_');
      if (host && (configId != options.configId || apiKey != options.apiKey)) api.destroy();
      options = { ...wanted };
      host ? post('theme', theme) : draw();
      show(!!(isOpen || options.open));
      options.preload == 'idle' && setTimeout(early, 2000);
    },
    open: () => show(true),
    close: () => show(false),
    toggle: () => show(!isOpen),
    destroy() {
      if (!host) return;
      show(false);
      clearTimeout(timer);
      watcher.disconnect();
      hook('remove');
      host.remove();
      host = frame = note = line = port = 0;
      heard = {};
      waiting = [];
    },
    send(text) {
      show(true);
      post('send', text);
    },
    on(name, listener) {
      heard[name] = [...(heard[name] || []), listener];
    },
    off(name, listener) {
      heard[name] = (heard[name] || []).filter((other) => other != listener);
    },
    getState: () => ({ open: !!isOpen, ready: !!port }),
    // Calls made before this script was there: `GSVWidget = []`, then `GSVWidget.push(['init', {…}])`.
    push: ([name, ...values]) => api[name](...values),
  };

  win.GSVWidget = api;
  before && before.forEach(api.push);
  script.dataset.configId && api.init(script.dataset);
})();
