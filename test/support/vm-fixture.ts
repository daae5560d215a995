import { after, before } from "node:test";
import { SmolVM, type SmolVMLaunchOptions, SmolVMManager } from "../../src/index.ts";
import { assertNothingLeft } from "./data-dir-state.ts";
import { temporaryDir } from "./temporary-dir.ts";

// As test/run.ts has it, for files that are run by themselves.
process.env["SMOLVM_BACKGROUND"] ??= "off";

/** A VM that the tests of one suite share, since a boot takes seconds. */
export interface SharedVM {
  readonly vm: SmolVM;
  readonly dataDir: string;
}

/** Boots a VM before the tests of this suite and deletes it after them, which must leave nothing. */
export function sharedVM(options: SmolVMLaunchOptions = {}): SharedVM {
  let vm: SmolVM | undefined;
  before(async () => {
    vm = await SmolVM.launch({ ...options, dataDir });
  });
  // Hooks run in the order in which they are given: this one before the one that removes the directory.
  after(async () => {
    await vm?.delete();
    await vm?.close();
    await assertNothingLeft(dataDir);
  });
  const dataDir = temporaryDir({ after }, "v-");
  return {
    dataDir,
    get vm() {
      if (vm === undefined) throw new Error("the VM of a suite is made before its tests, not before the suite");
      return vm;
    },
  };
}

/** What has an `after` hook that may wait: a test's context. */
interface Owner {
  readonly after: (hook: () => void | Promise<void>) => void;
}

/** A data directory of a test's own, which the test must leave empty. */
export function testDataDir(owner: Owner): string {
  owner.after(async () => {
    await assertNothingLeft(dataDir);
  });
  const dataDir = temporaryDir(owner, "v-");
  return dataDir;
}

/** A manager of a data directory of its own; at the end of the test its VMs, pools and snapshots are deleted. */
export function testManager(owner: Owner): SmolVMManager {
  owner.after(async () => {
    await endPools(manager);
    for (const { vmId } of manager.listVms()) await manager.delete(vmId);
    for (const { id } of manager.listSnapshots()) await manager.deleteSnapshot(id);
    await manager.close();
    await assertNothingLeft(manager.dataDir);
  });
  const manager = new SmolVMManager({ dataDir: temporaryDir(owner, "v-") });
  return manager;
}

/** Ends all pools of a data directory. */
export async function endPools(manager: SmolVMManager): Promise<void> {
  for (const { image, vcpuCount, memoryMiB, diskMiB, network } of manager.pool.list()) {
    const shape = { image, vcpuCount, memoryMiB, network, ...(diskMiB === null ? {} : { diskMiB }) };
    await manager.pool.set({ ...shape, size: 0 });
  }
}
