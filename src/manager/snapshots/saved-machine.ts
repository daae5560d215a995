import type { Backend, LaunchSpec } from "../../backends/backend.ts";
import { SmolVMError } from "../../errors/smolvm-error.ts";
import { cpuIdentity } from "../../host/cpu-identity.ts";
import type { SavedMachine } from "../../snapshots/layer.ts";

/** The machine on which a VM of this spec runs. The version is asked of the VM's own VMM, which knows it. */
export async function describeMachine(
  backend: Backend,
  spec: LaunchSpec,
  version: () => Promise<string>,
): Promise<SavedMachine> {
  const { accelerator } = spec;
  return {
    identity: backend.machineIdentity(spec),
    program: backend.stateIdentity(spec),
    version: await version(),
    accelerator,
    // Software emulation has a CPU of its own.
    cpu: accelerator === "tcg" ? "emulated" : cpuIdentity(),
  };
}

/**
 * Checks that what was saved on one machine can be continued on this one.
 *
 * @throws {SmolVMError} `SNAPSHOT_INCOMPATIBLE` that names what differs.
 */
export async function assertSameMachine(saved: SavedMachine, backend: Backend, spec: LaunchSpec): Promise<void> {
  // Whatever else could differ is part of it.
  const isSameProgram = saved.program === backend.stateIdentity(spec);
  const now = await describeMachine(backend, spec, async () =>
    isSameProgram ? saved.version : await backend.version(),
  );
  for (const [part, what] of PARTS) {
    if (saved[part] === now[part]) continue;
    throw new SmolVMError(
      "SNAPSHOT_INCOMPATIBLE",
      `its memory was saved on another ${what}: ${short(saved[part])}, and here it is ${short(now[part])}`,
      { details: { part, saved: saved[part], here: now[part] } },
    );
  }
}

const PARTS = [
  ["accelerator", "accelerator"],
  ["cpu", "processor"],
  ["version", "version of the VMM"],
  ["identity", "machine"],
] as const;

function short(text: string): string {
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
