import type { SmolVM } from "../../src/index.ts";

/** What the guest agent takes of the guest's memory, in KiB. */
export interface AgentMemory {
  readonly residentKiB: number;
  /** Without what it shares with its file: what it has allocated. */
  readonly anonymousKiB: number;
  readonly highestKiB: number;
}

/** Reads it from the guest's `/proc/1/status`. */
export async function agentMemory(vm: SmolVM): Promise<AgentMemory> {
  const { stdout } = await vm.run(["cat", "/proc/1/status"]);
  const value = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(stdout)?.[1]);
  return { residentKiB: value("VmRSS"), anonymousKiB: value("RssAnon"), highestKiB: value("VmHWM") };
}
