/** The rooms of `src/` and what each may import, besides itself. The one table of import directions. */
const BELOW_ROOMS = ["host", "process", "config", "errors"] as const;
const ROOMS = ["backends", "guest", "images", "templates", "snapshots", "network", "state"] as const;

export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  config: ["errors"],
  process: ["config", "errors"],
  host: ["process", "config", "errors"],
  // Siblings: none of them imports another. The manager brings them together.
  ...Object.fromEntries(ROOMS.map((room) => [room, BELOW_ROOMS])),
  manager: [...ROOMS, ...BELOW_ROOMS],
  vm: ["manager", ...ROOMS, ...BELOW_ROOMS],
  cli: ["vm", "manager", ...ROOMS, ...BELOW_ROOMS],
};

/** What `src/index.ts` may import. */
export const INDEX_MAY_IMPORT: readonly string[] = ["vm", "manager", "images", "guest", "host", "config", "errors"];

/** Files that compute and do no I/O: they may import `config` and `errors` only, and none of the modules below. */
export const PURE_FILES: readonly string[] = [
  "src/config/**/*.ts",
  "src/guest/protocol*.ts",
  "src/guest/protocol/**/*.ts",
  "src/network/*plan*.ts",
  "src/network/plan/**/*.ts",
];

/** Node's modules that do I/O. */
export const IO_MODULES: readonly string[] = [
  "child_process",
  "cluster",
  "dgram",
  "dns",
  "fs",
  "http",
  "http2",
  "https",
  "net",
  "readline",
  "repl",
  "sqlite",
  "tls",
  "worker_threads",
];

/** Node's modules that belong to some rooms alone. */
export const MODULE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  sqlite: ["state"],
  child_process: ["process", "host"],
};
