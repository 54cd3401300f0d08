// The types of what scripts are given and may call. A script exports its hooks (`export function onItemCaptured(data: Item) { … }`);
// `hookline plugin build` bundles it, with what it imports, to one .js file for the shim.

/** One side of an item's flow. */
export interface Endpoint {
  ip: string;
  /** A text, as Kubeshark has it. */
  port: string;
  /** Empty where none is known. */
  name: string;
  [field: string]: any;
}

/** The application protocol. */
export interface Protocol {
  name: string;
  version: string;
  abbr: string;
  macro: string;
  [field: string]: any;
}

/** One exchange, read when it is touched; `docs/fields.md` has the fields of each protocol. */
export interface Item {
  id: string;
  index: number;
  stream: string;
  protocol: Protocol;
  tls: boolean;
  src: Endpoint;
  dst: Endpoint;
  /** Milliseconds since the epoch. */
  timestamp: number;
  /** RFC 3339 with nanoseconds. */
  startTime: string;
  /** Microseconds; absent without a response. */
  elapsedTime?: number;
  summary: string;
  method: string;
  status?: number;
  request?: any;
  response?: any;
  data?: any;
  requestSize: number;
  responseSize: number;
  size: number;
  passed: boolean;
  failed: boolean;
  error: { type: string; msg: string } | null;
  completeness: { grade: "full" | "partial" | "unknown"; gaps: number; missingBytes: number; cutBytes: number };
  [field: string]: any;
}

/** What `onPacketCaptured` is given. */
export interface Packet {
  timestamp: string;
  captureLength: number;
  length: number;
  truncated: boolean;
  fragmented: boolean;
}

declare global {
  /** Environment values that the manifest grants; each is a global variable too. */
  const env: Record<string, string>;

  const console: {
    log(...values: any[]): void;
    info(...values: any[]): void;
    warn(...values: any[]): void;
    error(...values: any[]): void;
    debug(...values: any[]): void;
    clear(): void;
    table(rows: any): void;
  };

  /** In `onItemQueried`: the item is shown in green, or in red. */
  const test: {
    pass<T extends object>(item: T): T;
    fail<T extends object>(item: T): T;
  };

  const utils: { nodeName(): string; json2Yaml(json: string): string };

  const jobs: {
    /** Calls `job` whenever `cron` (six fields, UTC) is due, at most `limit` times (0 = for ever). */
    schedule(tag: string, cron: string, job: (...args: any[]) => void, limit?: number, ...args: any[]): void;
    remove(tag: string): void;
    removeAll(): void;
    list(): string[];
    run(tag: string): void;
    runAll(): void;
    scheduler: { isRunning(): boolean; start(): void; stop(): void };
  };

  const kfl: {
    /** Whether an item matches a filter. Throws what is wrong with the filter. */
    match(query: string, item: object): boolean;
    /** Throws what is wrong with the filter; else returns true. */
    validate(query: string): boolean;
  };

  /** Files of the script's own; names cannot leave its directory. */
  const file: {
    read(path: string): string;
    write(path: string, contents: any): void;
    append(path: string, contents: any): void;
    list(prefix?: string): string[];
    copy(from: string, to: string): void;
    move(from: string, to: string): void;
    delete(path: string): void;
    mkdir(path: string): void;
    mkdirTemp(name?: string, dir?: string): string;
    temp(name?: string, dir?: string, ext?: string): string;
    tar(dir: string): string;
  };

  /** Packets that the host keeps, written into files of the script's own. */
  const pcap: {
    path(stream: string): string;
    snapshot(selected?: string[], dir?: string): string;
  };

  /** Messages to the `onHubAction` of every script that is granted the action. */
  const hub: { action(action: string, object: any): void };

  const http: {
    request(
      method: string,
      url: string,
      options?: { headers?: Record<string, string>; body?: any; timeout?: number },
    ): { status: number; headers: Record<string, string>; body: string };
  };

  /** What outlives the script's instance. */
  const kv: {
    get(key: string): string | undefined;
    set(key: string, value: any, ttlSeconds?: number): void;
    delete(key: string): boolean;
    add(key: string, n?: number, ttlSeconds?: number): number;
    keys(prefix?: string): string[];
  };

  const prometheus: {
    /** Type 1 adds to a counter, any other sets a gauge. */
    metric(name: string, help: string, type: number, value: number, labels?: Record<string, string>): string;
    vector(name: string, help: string, type: number, value: number, labels: Record<string, string>): string;
  };

  const wrapper: {
    buildHAR(items: Item[]): string;
    joinMaps(a: object, b: object): any;
  };

  /** Publishes a result under the plugin's own subject. */
  function emit(subject: string, object: any): void;
  namespace emit {
    /** Asks for any action: `emit.action("slack", { destination: "ops", text: "…" })`. */
    function action(kind: string, args: object): void;
  }
  /** Timers are looked at once a second. */
  function setTimeout(callback: (...args: any[]) => void, ms?: number, ...args: any[]): number;
  function setInterval(callback: (...args: any[]) => void, ms?: number, ...args: any[]): number;
  function clearTimeout(id: number): void;
  function clearInterval(id: number): void;

  /** Actions: asked for, and delivered by the host later; each needs a grant. */
  const vendor: {
    webhook(method: string, url: string, body: any, headers?: Record<string, string>): void;
    slack(url: string, pretext: string, text: string, color?: string): void;
    influxdb(url: string, token: string, org: string, bucket: string, measurement: string, fields: object, tags?: object): void;
    elastic(
      url: string,
      index: string,
      document: object,
      username?: string,
      password?: string,
      cloudID?: string,
      apiKey?: string,
      serviceToken?: string,
    ): void;
  };
}
