import { readFileSync } from "node:fs";
import { arch, cpus } from "node:os";

let identity: string | undefined;

/** Architecture, model and features of this machine's processor: a state saved on one continues on the same only. */
export function cpuIdentity(): string {
  identity ??= `${arch()} ${cpus()[0]?.model ?? ""} ${features()}`;
  return identity;
}

function features(): string {
  try {
    return /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.trim() ?? "";
  } catch {
    return ""; // no Linux: the model says it all
  }
}
