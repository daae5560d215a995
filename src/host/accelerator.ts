import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { HostError, ValidationError } from "../errors/smolvm-error.ts";

/** What executes guest instructions: the hardware through KVM or HVF, or software emulation (TCG). */
export type Accelerator = "kvm" | "hvf" | "tcg";

/** An accelerator and why it was, or was not, chosen. */
export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

/** What detection looks at; tests put other machines here. */
export interface AcceleratorFacts {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** undefined when `/dev/kvm` can be opened, else why not. */
  readonly kvmProblem: () => string | undefined;
  readonly cpuFlags: () => string;
  readonly hvfSupported: () => boolean;
}

const thisMachine: AcceleratorFacts = {
  platform: process.platform,
  arch: process.arch,
  kvmProblem: openKvm,
  cpuFlags: readCpuFlags,
  hvfSupported: readHvfSupport,
};

/**
 * The accelerator to use.
 *
 * `auto` takes KVM only where it can run guests: `/dev/kvm` opens and, on x86, the CPU lists `vmx` or `svm` (there are
 * hosts whose `/dev/kvm` answers but whose guests never boot).
 *
 * @param wanted - the value of `SMOLVM_ACCEL`: `auto` (or empty), `kvm`, `hvf` or `tcg`.
 * @throws {ValidationError} `INVALID_OPTION` for another value.
 * @throws {HostError} `ACCELERATOR_UNAVAILABLE` when `kvm` or `hvf` is asked for and cannot be used.
 */
export function chooseAccelerator(
  wanted: string = process.env["SMOLVM_ACCEL"] ?? "auto",
  facts: AcceleratorFacts = thisMachine,
): AcceleratorChoice {
  switch (wanted) {
    case "":
    case "auto": {
      const best = facts.platform === "darwin" ? "hvf" : "kvm";
      const problem = problemWith(best, facts);
      return problem === undefined
        ? { accelerator: best, reason: `${best} is usable` }
        : { accelerator: "tcg", reason: problem };
    }
    case "tcg":
      return { accelerator: "tcg", reason: "SMOLVM_ACCEL=tcg" };
    case "kvm":
    case "hvf": {
      const problem = problemWith(wanted, facts);
      if (problem === undefined) return { accelerator: wanted, reason: `SMOLVM_ACCEL=${wanted}` };
      throw new HostError("ACCELERATOR_UNAVAILABLE", `SMOLVM_ACCEL=${wanted}, but ${problem}`);
    }
    default:
      throw new ValidationError(
        "INVALID_OPTION",
        `SMOLVM_ACCEL must be auto, kvm, hvf or tcg, got ${JSON.stringify(wanted)}`,
      );
  }
}

function problemWith(accelerator: "kvm" | "hvf", facts: AcceleratorFacts): string | undefined {
  if (accelerator === "hvf") {
    if (facts.platform !== "darwin") return "HVF exists on macOS only";
    return facts.hvfSupported() ? undefined : "this Mac does not support the Hypervisor framework";
  }
  if (facts.platform !== "linux") return "KVM exists on Linux only";
  const problem = facts.kvmProblem();
  if (problem !== undefined) return problem;
  if (facts.arch === "x64" && !/\b(vmx|svm)\b/.test(facts.cpuFlags())) {
    return "/dev/kvm opens, but the CPU lists neither vmx nor svm, so guests would not boot under it";
  }
  return undefined;
}

function openKvm(): string | undefined {
  try {
    closeSync(openSync("/dev/kvm", "r+"));
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return "/dev/kvm does not exist (no virtualization, or the kvm module is not loaded)";
    if (code === "EACCES") return "/dev/kvm may not be opened by this user (join the group kvm)";
    return `/dev/kvm cannot be opened (${code ?? "unknown error"})`;
  }
}

function readCpuFlags(): string {
  try {
    return /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
  } catch {
    return ""; // without /proc nothing is known, and software emulation is the safe choice
  }
}

function readHvfSupport(): boolean {
  try {
    return execFileSync("sysctl", ["-n", "kern.hv_support"], { encoding: "utf8" }).trim() === "1";
  } catch {
    return false; // no such key: a Mac too old for it
  }
}
