// The tag of a covered site. `T` is what the server says of the site; tag.py names its members. Comments and indentation
// are taken out when it is served. It asks for nothing but the banner, and only where there is something to choose.
(() => {
const doc = document, win = window, own = doc.currentScript;
const home = own.src.replace(/\/tag\/[^/]*$/, '/banner/') + T.p;
const gpc = navigator.globalPrivacyControl === true;
const same = text => text;
const types = win.trustedTypes ? trustedTypes.createPolicy('troth', { createHTML: same, createScript: same, createScriptURL: same }) : { createHTML: same, createScript: same, createScriptURL: same };
const loaded = [];
let box, kept;

// The cookie: version ~ digits ~ id ~ signature. A refusal that is not recorded yet has more parts: what was signed.
// To ask the browser for it is slow, so that is done once and after each change.
const look = () => kept = (doc.cookie.match(/(?:^|; )troth=([^;]*)/) || ['', ''])[1].split('~');
const read = () => kept;
const write = value => {
  doc.cookie = 'troth=' + value + ';path=/;samesite=lax' + (T.l ? ';max-age=' + T.l : '') + (location.protocol == 'https:' ? ';secure' : '');
  look();
};

// What counts for a choice: 0 unset, 1 out, 2 in. A signal says out, unless an in was said after it (digit 3).
const state = place => {
  const [version, digits = ''] = read(), digit = +digits[place] || 0;
  if (gpc && T.g.includes(place) && digit < 3) return 1;
  return digit < 2 ? digit : (T.a[version] || []).includes(place) ? 0 : 2;
};
// A rule: [unless, only if]. Undecided means refused.
const loads = ([unless, only]) => {
  const said = [...unless, ...only].map(state);
  return !said.length || (said.includes(2) && !unless.some(place => state(place) == 1) && only.every(place => state(place) == 2));
};
const undecided = rule => !loads(rule) && !rule.flat().some(place => state(place) == 1);
const allows = purpose => (T.r[purpose] || []).some(loads);

// Google Consent Mode v2.
const modes = (what, now) => {
  const said = {};
  for (const name in T.m) said[name] = now && allows(T.m[name]) ? 'granted' : 'denied';
  (function () { (win.dataLayer = win.dataLayer || []).push(arguments); })('consent', what, said);
};

// Inert scripts and frames run once their purpose may. Under a nonce, only those that have the page's own nonce do.
const release = () => {
  for (const old of doc.querySelectorAll('script[type="text/plain"][data-purpose],iframe[data-purpose][data-src]')) {
    const { purpose, src, type } = old.dataset;
    if (!allows(purpose) || (own.nonce && !src && old.nonce != own.nonce)) continue;
    loaded.push(purpose);
    if (src) {
      old.src = src;
      old.removeAttribute('data-src');
      continue;
    }
    const script = doc.createElement('script');
    for (const { name, value } of old.attributes) {
      if (name == 'src') script.src = types.createScriptURL(value);
      else if (!/^(data-)?(type|purpose)$/.test(name)) script.setAttribute(name, value);
    }
    if (type) script.type = type;
    script.nonce = old.nonce;
    script.async = old.async;
    script.text = types.createScript(old.text);
    old.replaceWith(script);
  }
};

// What was released cannot be taken back in a running page, so the page starts anew without it.
const settle = () => {
  modes('update', 1);
  if (!loaded.every(allows)) return location.reload();
  release();
  doc.dispatchEvent(new Event('troth'));
};

const ask = (path, more) => fetch(home + path, { credentials: 'omit', signal: AbortSignal.timeout(9000), ...more }).then(answer => answer.ok ? answer.json() : Promise.reject());

// Sends a choice. What comes back is a cookie with a signature; anything else counts as a failure.
const send = form => {
  form.set('cookie', read().join('~'));
  form.set('gpc', +gpc);
  return ask('', { method: 'POST', body: new URLSearchParams(form), keepalive: true, headers: { accept: 'application/json' } }).then(({ cookie }) => {
    if (!/^[\w:.-]+~[0-3]+(~[\w-]{22}){2}$/.test(cookie)) throw 0;
    write(cookie);
    settle();
  });
};
const say = (what, asked) => send(new URLSearchParams({ do: what, asked })).catch(() => {});

// A refusal is in force at once, here, whatever the server does; it is sent again until it is recorded. A yes has to be
// recorded first.
const refuse = names => {
  const [version, digits = '', id = '', signature = '', was = version, held = digits] = read();
  write([T.v, T.c.map((name, place) => names.includes(name) ? 1 : digits[place] || 0).join(''), id, signature, was, held].join('~'));
};

const hide = () => { if (box) box.remove(); };
const show = () => {
  const [version = '', digits = ''] = look();
  return ask('.json?' + new URLSearchParams({ version, digits, gpc: +gpc, lang: doc.documentElement.lang })).then(({ html, css }) => {
    hide();
    box = doc.createElement('div');
    const root = box.attachShadow({ mode: 'open' }), sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    root.innerHTML = types.createHTML(html);
    root.addEventListener('submit', event => {
      event.preventDefault();
      const what = event.submitter.value, form = new FormData(event.target);
      form.set('do', what);
      if (what != 'accept') refuse(form.get('asked').split(' ').filter(name => what == 'refuse' || !form.has('choice.' + name)));
      const sent = send(form);
      if (what == 'refuse') hide(settle(sent.catch(() => {})));
      else sent.then(hide, () => { root.querySelector('[role=alert]').hidden = false; });
    });
    // As soon as there is a body to put it into.
    (function put() { doc.body ? doc.body.prepend(box) : requestAnimationFrame(put); })();
  }).catch(() => {});
};

look();
modes('default');
const [, digits, id, , pending] = read();
if (pending != null) say('save', T.c.filter((_, place) => digits[place] == 1).join(' '));
else if (gpc && id && T.g.some(place => digits[place] == 2)) say('signal', '');
settle();
new MutationObserver(release).observe(doc, { childList: true, subtree: true });
doc.addEventListener('click', event => {
  if (event.target.closest('[data-troth]')) {
    event.preventDefault();
    show();
  }
});
win.troth = { allows: purpose => look() && allows(purpose), show };
if (Object.values(T.r).flat().some(undecided)) show();
})();
