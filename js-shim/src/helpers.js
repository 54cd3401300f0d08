// The helpers that are more than a call of the host: files, packets, messages, timers, formats. Runs after prelude.js, before the script.
(function () {
  'use strict';
  const native = {};
  for (const name of ['fileRead', 'fileWrite', 'fileCopy', 'fileRemove', 'fileFind', 'fileTar', 'pcapSave', 'send', 'fetch', 'kvGet', 'kvSet', 'kvDelete', 'kvAdd', 'kvKeys', 'metric']) {
    native[name] = globalThis['__' + name];
    delete globalThis['__' + name];
  }
  const { define, reportHook, describe, text, schedule } = globalThis.__prelude;
  delete globalThis.__prelude;

  // ---- file: a directory of the script's own ----

  const clean = (path) => text(path).replace(/^(\.?\/+)+/, '').replace(/\/+$/, '').replace(/\/{2,}/g, '/');
  const base = (path) => clean(path).split('/').pop();
  const exists = (path) => native.fileFind(path).some((f) => f.name === path);
  const isDirectory = (path) => path === '' || directories.has(path) || native.fileFind(path + '/').length > 0;
  // Directories are there when a file is in them; those that were made and are empty are remembered here.
  const directories = new Set();
  const join = (dir, name) => (dir === '' ? name : dir + '/' + name);
  let random = 0;
  const unique = () => Date.now().toString(36) + (random++).toString(36) + Math.random().toString(36).slice(2, 8);
  const unix = () => Math.floor(Date.now() / 1000);
  const into = (from, to) => (isDirectory(to) ? join(to, base(from)) : to);
  function need(path) {
    if (!exists(path)) throw new Error('open ' + path + ': no such file or directory');
  }

  const file = {
    write(path, contents) { native.fileWrite(clean(path), text(contents), false); },
    append(path, contents) { native.fileWrite(clean(path), text(contents), true); },
    read(path) {
      path = clean(path);
      need(path);
      return native.fileRead(path);
    },
    list(prefix) { return native.fileFind(clean(prefix)).map((f) => f.name); },
    copy(from, to) {
      [from, to] = [clean(from), clean(to)];
      need(from);
      native.fileCopy(from, into(from, to));
    },
    move(from, to) {
      [from, to] = [clean(from), clean(to)];
      file.copy(from, to);
      native.fileRemove(from);
    },
    delete(path) {
      path = clean(path);
      for (const f of native.fileFind(path)) if (f.name === path || f.name.startsWith(path + '/')) native.fileRemove(f.name);
      for (const directory of directories) if (directory === path || directory.startsWith(path + '/')) directories.delete(directory);
    },
    mkdir(path) { directories.add(clean(path)); },
    mkdirTemp(name, dir) {
      const path = join(clean(dir), text(name) + unique());
      directories.add(path);
      return path;
    },
    temp(name, dir, ext = 'txt') { return join(clean(dir), text(name) + unique() + '.' + text(ext)); },
    tar(dir) {
      dir = clean(dir);
      const path = 'kubeshark_' + unix() + '.tar.gz';
      native.fileTar(dir, path, unix());
      return path;
    },
  };
  define('file', file);

  // ---- pcap: packets that the host keeps ----

  const STREAM = /([0-9a-fA-F]{6,16})(?:_udp|_tls)?(?:\.pcap)?$/;
  const asked = new Set(); // streams whose packets were asked for
  const ASKED_MAX = 1000; // as many as one snapshot may have

  function streamOf(path) {
    const found = STREAM.exec(text(path));
    if (!found) throw new Error('"' + text(path) + '" is not the stream of an item');
    return found[1].toLowerCase();
  }
  function save(streams, path) {
    if (native.pcapSave(streams, path) === 0) throw new Error('no packets of ' + streams.join(', ') + ' are kept (any more)');
    return path;
  }
  define('pcap', {
    // The path of a file with the stream's packets.
    path(stream) {
      stream = streamOf(stream);
      if (asked.size >= ASKED_MAX) asked.delete(asked.values().next().value);
      asked.add(stream);
      return save([stream], 'pcaps/master/' + stream + '.pcap');
    },
    // One file of several: of those that are named, else of all that were asked for.
    snapshot(selected, dir) {
      if (typeof selected === 'string') [selected, dir] = [[], selected];
      const streams = selected && selected.length > 0 ? selected.map(streamOf) : [...asked];
      return save(streams, join(clean(dir), unix() + '.pcap'));
    },
  });

  // ---- hub: messages between scripts ----

  define('hub', { action: (action, object) => native.send(text(action), JSON.stringify(object === undefined ? null : object)) });
  define('__message', (topic, payload) => {
    if (typeof globalThis.onHubAction !== 'function') return;
    try {
      globalThis.onHubAction(topic, JSON.parse(payload));
    } catch (error) {
      reportHook('onHubAction', error);
    }
  });

  // ---- http, kv: what Kubeshark's scripts do not have ----

  define('http', {
    // Waits for the answer, whatever its status; throws if there is none.
    request(method, url, { headers = {}, body = '', timeout = 5000 } = {}) {
      const sent = typeof body === 'string' ? body : JSON.stringify(body);
      const pairs = Object.entries(headers).map(([name, value]) => [name, text(value)]);
      const [status, names, answer] = native.fetch(text(method), text(url), pairs, sent, timeout);
      return { status, headers: Object.fromEntries(names), body: answer };
    },
  });
  define('kv', {
    get: (key) => native.kvGet(text(key)),
    set: (key, value, ttl = 0) => native.kvSet(text(key), text(value), ttl),
    delete: (key) => native.kvDelete(text(key)),
    add: (key, n = 1, ttl = 0) => native.kvAdd(text(key), n, ttl),
    keys: (prefix) => native.kvKeys(text(prefix)),
  });

  // ---- prometheus ----

  const COUNTER = 1;
  function metric(name, help, type, value, labels) {
    const pairs = Object.entries(labels || {}).map(([label, said]) => [label, text(said)]);
    native.metric(text(name), text(help), type === COUNTER, pairs, Number(value));
    return 'ok';
  }
  define('prometheus', { metric, vector: metric });

  // ---- timers: looked at once a second, by a job of their own ----

  const TIMERS = '__timers';
  const timers = new Map(); // id -> { fn, args, due, every }
  let lastTimer = 0;
  let ticking = false;

  function start(fn, ms, args, repeats) {
    if (typeof fn !== 'function') throw new Error('a timer takes a function');
    ms = Math.max(0, Number(ms) || 0);
    if (!ticking) schedule(TIMERS, '* * * * * *', 0);
    ticking = true;
    timers.set(++lastTimer, { fn, args, due: Date.now() + ms, every: repeats ? ms : null });
    return lastTimer;
  }
  define('setTimeout', (fn, ms, ...args) => start(fn, ms, args, false));
  define('setInterval', (fn, ms, ...args) => start(fn, ms, args, true));
  const stop = (id) => void timers.delete(id);
  define('clearTimeout', stop);
  define('clearInterval', stop);
  define('__timer', () => {
    const now = Date.now();
    for (const [id, timer] of [...timers]) {
      if (timer.due > now || !timers.has(id)) continue;
      if (timer.every === null) timers.delete(id);
      else timer.due = now + timer.every;
      try {
        timer.fn(...timer.args);
      } catch (error) {
        console.error('(timer) ' + describe(error));
      }
    }
  });

  // ---- utils, wrapper, console: formats ----

  function yamlScalar(value) {
    if (typeof value !== 'string') return String(value);
    const plain = /^[A-Za-z_./][A-Za-z0-9_./ -]*$/.test(value) && !/^(true|false|null|yes|no|on|off|~)$/i.test(value) && !/ $/.test(value);
    return plain ? value : JSON.stringify(value);
  }
  function yaml(value, indent) {
    const pad = '  '.repeat(indent);
    const below = (v) => (v !== null && typeof v === 'object' && Object.keys(v).length > 0 ? '\n' + yaml(v, indent + 1) : ' ' + (v !== null && typeof v === 'object' ? (Array.isArray(v) ? '[]' : '{}') : yamlScalar(v)) + '\n');
    if (Array.isArray(value)) return value.map((v) => pad + '-' + below(v)).join('');
    return Object.entries(value).map(([key, v]) => pad + yamlScalar(key) + ':' + below(v)).join('');
  }
  utils.json2Yaml = (json) => {
    const value = JSON.parse(text(json));
    return value !== null && typeof value === 'object' ? yaml(value, 0) : yamlScalar(value) + '\n';
  };

  function harEntry(item) {
    const { request, response } = item;
    if (!request || !request.method || !response || !response.status || !item.dst || !item.dst.name) return [];
    const pairs = (map) => Object.entries(map || {}).map(([name, value]) => ({ name, value: text(value) }));
    const content = response.content || {};
    return [{
      startedDateTime: item.startTime,
      time: item.elapsedTime || 0,
      request: {
        method: request.method,
        url: 'http://' + item.dst.name + (request.url || request.path || ''),
        httpVersion: request.httpVersion || '',
        cookies: [], headers: pairs(request.headers), queryString: pairs(request.queryString), headersSize: -1, bodySize: request.bodySize || 0,
        ...(request.postData && request.postData.text ? { postData: { mimeType: request.postData.mimeType || '', text: request.postData.text } } : {}),
      },
      response: {
        status: response.status, statusText: response.statusText || '', httpVersion: response.httpVersion || '', cookies: [], headers: pairs(response.headers),
        content: { size: content.size || 0, mimeType: content.mimeType || '', text: content.text || '', ...(content.encoding ? { encoding: content.encoding } : {}) },
        redirectURL: response.redirectURL || '', headersSize: -1, bodySize: response.bodySize || 0,
      },
      cache: {},
      timings: { send: -1, wait: -1, receive: -1 },
    }];
  }
  const isMap = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
  define('wrapper', {
    buildHAR: (items) => JSON.stringify({ log: { version: '1.2', creator: { name: 'hookline', version: '1' }, entries: items.flatMap(harEntry) } }),
    // Both, with numbers of the same name added.
    joinMaps(a, b) {
      const joined = { ...a };
      for (const [key, value] of Object.entries(b || {})) {
        const known = joined[key];
        if (isMap(known) && isMap(value)) joined[key] = this.joinMaps(known, value);
        else joined[key] = typeof known === 'number' && typeof value === 'number' ? known + value : value;
      }
      return joined;
    },
  });

  console.table = (rows) => {
    if (rows === null || typeof rows !== 'object') return console.log(rows);
    const cells = Object.entries(rows).map(([index, row]) => ({ '': index, ...(isMap(row) ? row : { value: row }) }));
    const names = [...new Set(cells.flatMap((row) => Object.keys(row)))];
    const lines = [names, ...cells.map((row) => names.map((name) => (row[name] === undefined ? '' : text(row[name]))))];
    const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
    for (const line of lines) console.log(line.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
  };

  // ---- The names of early 2023 ----

  const LEGACY = { capturedPacket: 'onPacketCaptured', capturedItem: 'onItemCaptured', queriedItem: 'onItemQueried', passedJob: 'onJobPassed', failedJob: 'onJobFailed' };
  define('__legacy', () => {
    for (const [old, name] of Object.entries(LEGACY)) {
      if (typeof globalThis[old] !== 'function' || typeof globalThis[name] === 'function') continue;
      define(name, globalThis[old]);
      console.warn('the hook ' + old + ' is called ' + name + ' now');
    }
  });
})();
