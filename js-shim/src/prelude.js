// Kubeshark's script API, built from the native functions of natives.rs. Runs once, before the script, in the same global scope.
(function () {
  'use strict';
  const native = {};
  for (const name of ['log', 'count', 'get', 'kind', 'json', 'matches', 'compile', 'matchesJson', 'action', 'publish', 'schedule', 'unschedule', 'env', 'node']) {
    native[name] = globalThis['__' + name];
    delete globalThis['__' + name];
  }
  const define = (name, value) => Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

  // ---- Items: read from the host as they are touched ----

  // The names that Kubeshark's Go structs have where they differ from JSON's by more than the first letter.
  const GO_NAMES = { Source: 'src', Destination: 'dst', Abbreviation: 'abbr', Request: 'request', Response: 'response', IP: 'ip', Tls: 'tls', Id: 'id' };
  const LAZY = Symbol('lazy'); // proxy[LAZY] is its handler

  // Paths by the object's path and the name: made once, since a script touches the same few fields of every item.
  const paths = new Map();
  const PATHS_MAX = 1000; // names may come from the traffic

  function pathOf(prefix, key) {
    let below = paths.get(prefix);
    if (below === undefined) paths.set(prefix, (below = new Map()));
    let path = below.get(key);
    if (path === undefined) {
      if (below.size >= PATHS_MAX) below.clear();
      below.set(key, (path = joinPath(prefix, key)));
    }
    return path;
  }

  function joinPath(prefix, key) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) return prefix === '' ? key : prefix + '.' + key;
    const quote = key.includes('"') ? "'" : '"';
    return prefix + '[' + quote + key + quote + ']';
  }

  // The handler of a proxy over an object of the item at `index`; `path` is '' for the item itself. What was read or written is kept
  // in the proxy's target; the rest is fetched when it is touched. Reads of names cost one call of the host; whatever needs all
  // names (Object.keys, JSON.stringify, for-in, delete) fetches the object whole, once.
  class Lazy {
    constructor(index, path, top) {
      this.index = index;
      this.path = path;
      this.top = top || this;
      this.whole = false;
      this.children = null;
      this.changed = false; // something other than passed and failed was written: kept at the top
    }

    get(own, key) {
      const known = own[key];
      if (known !== undefined || this.whole) return known;
      if (typeof key === 'symbol') return key === LAZY ? this : undefined;
      if (key in own) return undefined;
      let value = this.fetch(key);
      if (value === undefined && key >= 'A' && key < '[') {
        const json = GO_NAMES[key] || key[0].toLowerCase() + key.slice(1);
        return this.get(own, json);
      }
      if (value !== undefined) own[key] = value;
      return value;
    }

    fetch(key) {
      const path = pathOf(this.path, key);
      // Objects near the top are lazy themselves; deeper ones are small and come whole.
      if (this.path === '' && this.top === this && native.kind(this.index, path) === 1) return this.child(path);
      const value = native.get(this.index, path);
      return typeof value === 'object' && value !== null ? JSON.parse(value[0]) : value;
    }

    child(path) {
      const lazy = new Lazy(this.index, path, this.top);
      const own = {};
      const proxy = new Proxy(own, lazy);
      (this.children = this.children || []).push({ key: path, lazy, own, proxy });
      return proxy;
    }

    // Fetches everything, keeping what was read or written and the order of names.
    materialise(own) {
      if (this.whole) return own;
      this.whole = true;
      const text = this.path === '' ? native.json(this.index) : (native.get(this.index, this.path) || [])[0];
      if (text === undefined) return own;
      const kept = Object.assign({}, own);
      for (const key of Object.keys(own)) delete own[key];
      Object.assign(own, JSON.parse(text), kept);
      return own;
    }

    set(own, key, value) {
      own[key] = value;
      if (this.top !== this || (key !== 'passed' && key !== 'failed')) this.top.changed = true;
      return true;
    }
    has(own, key) { return key in this.materialise(own); }
    ownKeys(own) { return Reflect.ownKeys(this.materialise(own)); }
    getOwnPropertyDescriptor(own, key) { return Reflect.getOwnPropertyDescriptor(this.materialise(own), key); }
    defineProperty(own, key, descriptor) { this.top.changed = true; return Reflect.defineProperty(this.materialise(own), key, descriptor); }
    deleteProperty(own, key) { this.top.changed = true; return Reflect.deleteProperty(this.materialise(own), key); }
  }

  // Calls `hook` with the lazy item at `index`. What the script kept of it is fetched whole before the batch is gone: weak references
  // tell, since QuickJS frees at once what nobody holds.
  function withItem(index, hook) {
    const lazy = new Lazy(index, '');
    const own = {};
    let proxy = new Proxy(own, lazy);
    const result = hook(proxy, lazy);
    const weak = new WeakRef(proxy);
    proxy = undefined;
    if (weak.deref() !== undefined) {
      lazy.materialise(own);
      for (const child of lazy.children || []) child.lazy.materialise(child.own);
    } else {
      for (const child of lazy.children || []) settleChild(own, child);
    }
    return result;
  }

  function settleChild(own, child) {
    delete own[child.key];
    const weak = new WeakRef(child.proxy);
    child.proxy = undefined;
    if (weak.deref() !== undefined) child.lazy.materialise(child.own);
  }

  // ---- Hooks ----

  const NAMES = ['onItemCaptured', 'onPacketCaptured', 'onItemQueried'];
  const reportHook = (name, error) => console.error('(hook=' + name + ') ' + describe(error));

  // Message, and where in the script.
  function describe(error) {
    if (!(error instanceof Error)) return String(error);
    const at = (error.stack || '').split('\n').map((l) => /\(?([^\s()]+:\d+(?::\d+)?)\)?$/.exec(l.trim())).find((m) => m && !m[1].startsWith('prelude.js'));
    return error.message + (at ? ' at ' + at[1] : '');
  }

  // The hooks that the script has, once it has run.
  define('__hooks', () => globalThis.__legacy() || NAMES.filter((name) => typeof globalThis[name] === 'function'));

  define('__items', (count) => {
    const hook = (item) => {
      try {
        globalThis.onItemCaptured(item);
      } catch (error) {
        reportHook('onItemCaptured', error);
      }
    };
    for (let i = 0; i < count; i++) withItem(i, hook);
  });

  define('__packets', (count, timestamps, captureLengths, lengths, truncated, fragmented) => {
    for (let i = 0; i < count; i++) {
      try {
        globalThis.onPacketCaptured({
          timestamp: rfc3339(timestamps[i]),
          captureLength: captureLengths[i],
          length: lengths[i],
          truncated: truncated[i] === 1,
          fragmented: fragmented[i] === 1,
        });
      } catch (error) {
        reportHook('onPacketCaptured', error);
      }
    }
  });

  const rfc3339 = (ns) => new Date(ns / 1e6).toISOString();

  // One text an item: a mark (p, f, b or -) and, where the client shall see another item, its JSON.
  define('__query', (filter) => {
    const verdicts = [];
    const count = native.count();
    for (let i = 0; i < count; i++) {
      verdicts.push(withItem(i, (item, lazy) => {
        try {
          const shown = globalThis.onItemQueried(item, filter);
          if (shown === null || typeof shown !== 'object') return '-';
          const passed = shown.passed === true;
          const failed = shown.failed === true;
          const mark = passed ? (failed ? 'b' : 'p') : failed ? 'f' : '-';
          return shown === item && !lazy.changed ? mark : mark + JSON.stringify(shown);
        } catch (error) {
          reportHook('onItemQueried', error);
          return '-';
        }
      }));
    }
    return verdicts;
  });

  // ---- console, test, env, utils ----

  function show(value) {
    if (typeof value === 'string') return value;
    if (value instanceof Error) return String(value);
    if (typeof value === 'object' && value !== null) {
      try {
        return JSON.stringify(value);
      } catch (error) {
        return String(value);
      }
    }
    return String(value);
  }
  const line = (level) => (...values) => native.log(level, values.map(show).join(' '));
  const console = { log: line(1), info: line(1), warn: line(2), error: line(3), debug: line(0), clear() {} };
  define('console', console);

  function mark(name) {
    return (item) => {
      if (item === null || typeof item !== 'object') throw new Error('test.' + (name === 'passed' ? 'pass' : 'fail') + ' takes an object');
      item[name] = true;
      return item;
    };
  }
  define('test', { pass: mark('passed'), fail: mark('failed') });

  const env = {};
  // Called when the host can be asked: before the script, or at its start where the script has run already (as a Javy plugin).
  define('__begin', () => {
    for (const [key, value] of native.env()) {
      env[key] = value;
      if (!(key in globalThis)) define(key, value);
    }
  });
  define('env', env);
  define('utils', { nodeName: () => native.node() });

  // ---- jobs ----

  const jobs = new Map(); // tag -> { fn, args, cron, limit }
  let running = true; // whether due jobs are run
  const tagOf = (tag) => String(tag).toLowerCase().replace(/ /g, '-');

  define('jobs', {
    schedule(tag, cron, fn, limit = 0, ...args) {
      if (typeof fn !== 'function') throw new Error('jobs.schedule(tag, cron, function, limit, ...args): the third argument is no function');
      tag = tagOf(tag);
      native.schedule(tag, String(cron), Math.max(0, Number(limit) || 0));
      jobs.set(tag, { fn, args, cron: String(cron), limit: Math.max(0, Number(limit) || 0) });
      console.log('Scheduled the job: "' + tag + '" for cron: "' + cron + '" (limit: ' + (limit > 0 ? limit : 'infinite') + ')');
    },
    remove(tag) {
      tag = tagOf(tag);
      if (!jobs.delete(tag)) throw new Error('there is no job "' + tag + '"');
      native.unschedule(tag);
    },
    removeAll() { for (const tag of [...jobs.keys()]) this.remove(tag); },
    list: () => [...jobs.keys()],
    run(tag) {
      const job = jobs.get(tagOf(tag));
      if (!job) throw new Error('there is no job "' + tagOf(tag) + '"');
      job.fn(...job.args);
    },
    runAll() { for (const tag of [...jobs.keys()]) this.run(tag); },
    scheduler: { isRunning: () => running, start: () => void (running = true), stop: () => void (running = false) },
  });

  define('__job', (tag) => {
    if (tag === '__timers') return globalThis.__timer();
    const job = jobs.get(tag);
    if (!job || !running) return;
    try {
      job.fn(...job.args);
    } catch (error) {
      console.error('(job=' + tag + ') ' + describe(error));
      told('onJobFailed', tag, job.cron, job.limit, error instanceof Error ? error.message : String(error));
      throw error;
    }
    told('onJobPassed', tag, job.cron, job.limit);
  });

  // Tells the script what became of its job.
  function told(hook, ...args) {
    if (typeof globalThis[hook] !== 'function') return;
    try {
      globalThis[hook](...args);
    } catch (error) {
      reportHook(hook, error);
    }
  }

  // ---- vendor: queued in the host, delivered by its workers ----

  const text = (value) => (value === undefined || value === null ? '' : show(value));
  // NAME:BASE64, in which stand the host, the cluster and what else is of no use here, with dollar signs between them.
  function ofCloud(id) {
    const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    let bits = '';
    for (const c of id.slice(id.indexOf(':') + 1).replace(/=+$/, '')) bits += digits.indexOf(c).toString(2).padStart(6, '0');
    const decoded = (bits.match(/.{8}/g) || []).map((byte) => String.fromCharCode(parseInt(byte, 2))).join('');
    const [host, cluster] = decoded.split('$');
    if (!host || !cluster) throw new Error('"' + id + '" is not a cloud ID');
    return 'https://' + cluster + '.' + host;
  }
  define('vendor', {
    slack(url, pretext, body, color) {
      native.action('slack', JSON.stringify({ url: text(url), pretext: text(pretext), text: text(body), color: text(color) }));
    },
    influxdb(url, token, org, bucket, measurement, fields, tags) {
      const point = { measurement: text(measurement), fields: fields || {}, tags: tags || {} };
      native.action('influxdb', JSON.stringify({ url: text(url), token: text(token), org: text(org), bucket: text(bucket), ...point }));
    },
    elastic(url, index, document, username, password, cloudID, apiKey, serviceToken) {
      const args = { url: text(url) || (cloudID ? ofCloud(text(cloudID)) : ''), index: text(index), document };
      const credentials = { username: text(username), password: text(password), apiKey: text(apiKey), serviceToken: text(serviceToken) };
      native.action('elastic', JSON.stringify({ ...args, ...credentials }));
    },
    webhook(method, url, body, headers) {
      native.action('webhook', JSON.stringify({ method: text(method), url: text(url), body: text(body), headers: headers || {} }));
    },
  });
  const emit = (subject, object) => native.publish(text(subject), JSON.stringify(object === undefined ? null : object));
  // Any action by its name, as for a destination of the site's configuration.
  emit.action = (kind, args) => native.action(text(kind), JSON.stringify(args === undefined ? {} : args));
  define('emit', emit);

  // ---- kfl ----

  const compiled = new Map();
  function compile(query) {
    let id = compiled.get(query);
    if (id === undefined) compiled.set(query, (id = native.compile(query)));
    return id;
  }
  define('kfl', {
    match(query, data) {
      query = text(query);
      const lazy = data === null || data === undefined ? undefined : data[LAZY];
      if (lazy && lazy.path === '' && !lazy.changed && !lazy.whole) return native.matches(lazy.index, compile(query));
      return native.matchesJson(query, JSON.stringify(data));
    },
    validate(query, quiet = false) {
      try {
        compile(text(query));
        return true;
      } catch (error) {
        if (!quiet) console.error(error.message);
        return false;
      }
    },
  });

  // For helpers.js.
  define('__prelude', { define, reportHook, describe, text, schedule: native.schedule });
})();
