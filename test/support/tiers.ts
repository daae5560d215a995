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

/** A tier that is another program. */
export interface ProgramTier {
  readonly kind: "program";
  readonly name: string;
  /** What is tested: the first part of its titles. */
  readonly subject: string;
  readonly argv: readonly [program: string, ...args: string[]];
  /** The whole program is one test with this title; without it the program prints `ok - title` lines. */
  readonly title?: string;
  readonly missing: () => string | undefined;
}

export type Tier = FileTier | ProgramTier;

const AGENT = "guest/agent";
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
    kind: "program",
    name: "check",
    subject: "the checkout",
    argv: [
      process.execPath,
      "scripts/check.ts",
      "types",
      "lint",
      "package",
      "examples",
      "reference",
      "unused",
      "format",
    ],
    missing: programs("npm"),
  },
  {
    kind: "program",
    name: "agent",
    subject: "guest/agent",
    argv: ["make", "-C", AGENT, "test"],
    missing: programs("make", "cc"),
  },
  {
    kind: "program",
    name: "agent-aarch64",
    subject: "guest/agent",
    argv: ["make", "-C", AGENT, "aarch64"],
    title: "the guest agent compiles for aarch64",
    missing: programs("make", "aarch64-linux-gnu-gcc"),
  },
  {
    kind: "program",
    name: "agent-fuzz",
    subject: "guest/agent",
    argv: ["make", "-C", AGENT, "fuzz", `FUZZ_SECONDS=${FUZZ_SECONDS}`],
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
