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
  };

  /** In `onItemQueried`: the item is shown in green, or in red. */
  const test: {
    pass<T extends object>(item: T): T;
    fail<T extends object>(item: T): T;
  };

  const utils: { nodeName(): string };

  const jobs: {
    /** Calls `job` whenever `cron` (six fields, UTC) is due, at most `limit` times (0 = for ever). */
    schedule(tag: string, cron: string, job: (...args: any[]) => void, limit?: number, ...args: any[]): void;
    remove(tag: string): void;
    removeAll(): void;
    list(): string[];
    run(tag: string): void;
    runAll(): void;
  };

  const kfl: {
    /** Whether an item matches a filter. Throws what is wrong with the filter. */
    match(query: string, item: object): boolean;
    /** Throws what is wrong with the filter; else returns true. */
    validate(query: string): boolean;
  };

  /** Actions: asked for, and delivered by the host later; each needs a grant. */
  const vendor: {
    webhook(method: string, url: string, body: any, headers?: Record<string, string>): void;
    slack(url: string, pretext: string, text: string, color?: string): void;
    influxdb(url: string, token: string, measurement: string, organization: string, bucket: string, fields: object, tags?: object): void;
    elastic(url: string, index: string, data: object, username?: string, password?: string): void;
  };
}
