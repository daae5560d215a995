import { existsSync } from "node:fs";
import { findProgram } from "../../src/host/find-program.ts";
import { resolveImageDir } from "../../src/host/paths.ts";

/** A tier of test files that Node's runner executes. */
export interface FileTier {
  readonly kind: "files";
  readonly name: string;
  readonly folder: string;
  /** How many files run at a time. Files with guests, networks or broken processes run one after another. */
  readonly filesAtOnce: number;
  readonly testTimeoutMs: number;
  /** Why this machine cannot run the tier, else undefined. */
  readonly missing: () => string | undefined;
}

/** A tier that `make` runs in `guest/agent`. */
export interface MakeTier {
  readonly kind: "make";
  readonly name: string;
  readonly arguments: readonly string[];
  /** The whole target is one test with this title; without it the target prints `ok - title` lines. */
  readonly title?: string;
  readonly missing: () => string | undefined;
}

export type Tier = FileTier | MakeTier;

const FUZZ_SECONDS = 20;
const FAST_TEST_MS = 30_000;
const HOST_TEST_MS = 120_000;
/** A cold boot under software emulation takes seconds, and some tests do many. */
const GUEST_TEST_MS = 300_000;

/** Every tier, in the order in which they run: what fails fast comes first. */
export const TIERS: readonly Tier[] = [
  {
    kind: "files",
    name: "unit",
    folder: "test/unit",
    filesAtOnce: 2,
    testTimeoutMs: FAST_TEST_MS,
    missing: nothing,
  },
  {
    kind: "make",
    name: "agent",
    arguments: ["test"],
    missing: programs("make", "cc"),
  },
  {
    kind: "make",
    name: "agent-aarch64",
    arguments: ["aarch64"],
    title: "the guest agent compiles for aarch64",
    missing: programs("make", "aarch64-linux-gnu-gcc"),
  },
  {
    kind: "make",
    name: "agent-fuzz",
    arguments: ["fuzz", `FUZZ_SECONDS=${FUZZ_SECONDS}`],
    title: `the guest agent's frame parser survives ${FUZZ_SECONDS} s of fuzzing`,
    missing: programs("make", "clang"),
  },
  {
    kind: "files",
    name: "conformance",
    folder: "test/conformance",
    filesAtOnce: 1,
    testTimeoutMs: HOST_TEST_MS,
    missing: programs("cc"),
  },
  {
    kind: "files",
    name: "host",
    folder: "test/host",
    filesAtOnce: 1,
    testTimeoutMs: HOST_TEST_MS,
    missing: networkAdministration,
  },
  {
    kind: "files",
    name: "vm",
    folder: "test/vm",
    filesAtOnce: 1,
    testTimeoutMs: GUEST_TEST_MS,
    missing: guests,
  },
  {
    kind: "files",
    name: "chaos",
    folder: "test/chaos",
    filesAtOnce: 1,
    testTimeoutMs: GUEST_TEST_MS,
    missing: guests,
  },
];

function nothing(): undefined {
  return undefined;
}

function programs(...names: string[]): () => string | undefined {
  return () => {
    const absent = names.filter((name) => findProgram(name) === undefined);
    return absent.length === 0 ? undefined : `not installed: ${absent.join(", ")}`;
  };
}

function networkAdministration(): string | undefined {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root: it makes TAP devices and firewall rules";
  if (!existsSync("/dev/net/tun")) return "/dev/net/tun does not exist";
  return programs("ip", "nft")();
}

function guests(): string | undefined {
  const emulator = process.arch === "arm64" ? "qemu-system-aarch64" : "qemu-system-x86_64";
  const missing = programs(emulator)();
  if (missing !== undefined) return missing;
  const images = resolveImageDir();
  if (existsSync(images)) return undefined;
  return `no image in ${images}: \`sh scripts/test.sh\` builds it`;
}
