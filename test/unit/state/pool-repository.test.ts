import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import type { NetworkConfig } from "../../../src/config/network-config.ts";
import type { ResolvedVMConfig } from "../../../src/config/vm-config.ts";
import { identifySelf } from "../../../src/process/process-identity.ts";
import { Database } from "../../../src/state/database.ts";
import { PoolRepository } from "../../../src/state/pool-repository.ts";
import { VMRepository } from "../../../src/state/vm-repository.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const POOL = {
  key: "k",
  size: 3,
  config: { image: "debian", vcpuCount: 1, memoryMiB: 512, diskMiB: 4096, network: "user" },
} as const;
const WANTED = { templatePrefix: "template-", diskMiB: 4096 };

interface Tables {
  readonly database: Database;
  readonly vms: VMRepository;
  readonly pools: PoolRepository;
}

function open(t: TestContext): Tables {
  t.after(() => database[Symbol.dispose]());
  const database = new Database(join(temporaryDir(t), "smolvm.db"));
  const tables = { database, vms: new VMRepository(database), pools: new PoolRepository(database) };
  tables.pools.set(POOL);
  return tables;
}

function addVm({ vms }: Tables, vmId: string, pool: string | null = null, diskMiB = 4096): void {
  const config = { vmId, diskMiB } as unknown as ResolvedVMConfig;
  const network = { guestMac: `mac of ${vmId}` } as NetworkConfig;
  const paths = { diskPath: `/d/${vmId}`, socketDir: `/s/${vmId}` };
  vms.insert({ config, network, backend: "qemu", imageId: "i", pool, ...paths });
  vms.endOperation(vmId);
}

/** A VM of a pool that waits; its VMM is this process. */
function addMember(tables: Tables, vmId: string, diskMiB = 4096): void {
  addVm(tables, vmId, POOL.key, diskMiB);
  const { vms } = tables;
  vms.setTemplate(vmId, "template-1");
  vms.setVmm(vmId, { vmm: identifySelf(), accelerator: "tcg" });
  vms.setRunning(vmId, { startedFrom: "template", phases: [], memoryPath: "/m" });
  vms.setPaused(vmId, "user");
}

describe("the table of pools", () => {
  test("gives back what was put in, and a pool has one size", (t) => {
    const { pools } = open(t);
    assert.deepEqual(pools.list(), [POOL]);
    pools.set({ ...POOL, size: 5 });
    assert.deepEqual(pools.find("k"), { ...POOL, size: 5 });
    assert.equal(pools.find("other"), undefined);
  });

  test("loses a pool only when it is to be empty, and is", (t) => {
    const tables = open(t);
    const { pools, vms } = tables;
    addMember(tables, "pool-a");
    assert.equal(pools.remove("k"), false);
    pools.set({ ...POOL, size: 0 });
    assert.equal(pools.remove("k"), false, "a VM waits in it");
    vms.remove("pool-a", null);
    assert.equal(pools.remove("k"), true);
    assert.equal(pools.remove("k"), true);
  });
});

describe("a claim", () => {
  test("gives a VM all that the waiting one had, and ends that one", (t) => {
    const tables = open(t);
    const { vms, pools } = tables;
    addMember(tables, "pool-a");
    addVm(tables, "vm");
    assert.equal(pools.claim("vm", WANTED)?.id, "pool-a");
    const { id, home, status, config, network, diskPath, socketDir, template, memoryPath, vmm, pool } = vms.get("vm");
    assert.deepEqual(
      [id, home, status, config.vmId, network?.guestMac, diskPath, socketDir, template, memoryPath, vmm, pool],
      [
        ...["vm", "pool-a", "created", "vm", "mac of pool-a", "/d/pool-a", "/s/pool-a", "template-1", "/m"],
        ...[identifySelf(), null],
      ],
    );
    assert.deepEqual(
      vms.list().map((record) => record.id),
      ["vm"],
    );
    assert.throws(() => addVm(tables, "pool-a"), { name: "VMAlreadyExistsError" }, "its directories are in use");
  });

  test("takes the oldest that fits, and each one once", (t) => {
    const tables = open(t);
    const { pools } = tables;
    addMember(tables, "pool-large", 8192);
    for (const id of ["pool-a", "pool-b"]) addMember(tables, id);
    for (const id of ["vm-1", "vm-2", "vm-3"]) addVm(tables, id);
    assert.equal(pools.claim("vm-1", { ...WANTED, templatePrefix: "another-" }), undefined);
    assert.equal(pools.claim("vm-1", WANTED)?.id, "pool-a");
    assert.equal(pools.claim("vm-2", WANTED)?.id, "pool-b");
    assert.equal(pools.claim("vm-3", WANTED), undefined);
    assert.equal(pools.claim("vm-3", { ...WANTED, diskMiB: 8192 })?.id, "pool-large");
  });

  test("passes by those that are dead, half-made, or being deleted", (t) => {
    const tables = open(t);
    const { vms, pools } = tables;
    for (const id of ["pool-dead", "pool-running", "pool-deleted", "pool-z-good"]) addMember(tables, id);
    vms.setVmm("pool-dead", { vmm: { pid: process.pid, birth: "another" }, accelerator: "tcg" });
    vms.setResumed("pool-running");
    vms.beginOperation("pool-deleted", "delete");
    addVm(tables, "vm");
    assert.equal(pools.claim("vm", WANTED)?.id, "pool-z-good");
  });

  test("that is given up leaves the VM with what is its own", (t) => {
    const tables = open(t);
    const { vms, pools } = tables;
    addMember(tables, "pool-a");
    addVm(tables, "vm");
    pools.claim("vm", WANTED);
    pools.giveUpClaim("vm", { home: "vm", diskPath: "/d/vm", socketDir: "/s/vm" });
    const { home, diskPath, socketDir, template, memoryPath, vmm, network } = vms.get("vm");
    assert.deepEqual(
      [home, diskPath, socketDir, template, memoryPath, vmm, network?.guestMac],
      ["vm", "/d/vm", "/s/vm", null, null, null, "mac of pool-a"],
    );
  });

  test("of an image's users, those that wait do not count", (t) => {
    const tables = open(t);
    addMember(tables, "pool-a");
    addVm(tables, "vm");
    assert.deepEqual(tables.vms.imageUsers("i"), ["vm"]);
  });
});
