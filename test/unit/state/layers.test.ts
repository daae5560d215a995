import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import type { ResolvedVMConfig } from "../../../src/config/vm-config.ts";
import { identifySelf } from "../../../src/process/process-identity.ts";
import { Database } from "../../../src/state/database.ts";
import { LayerRepository, type NewLayer } from "../../../src/state/layer-repository.ts";
import { SnapshotRepository } from "../../../src/state/snapshot-repository.ts";
import { VMRepository } from "../../../src/state/vm-repository.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

interface State {
  readonly database: Database;
  readonly vms: VMRepository;
  readonly layers: LayerRepository;
  readonly snapshots: SnapshotRepository;
}

const DISK_ALONE = { memory: null };
const WITH_MEMORY = { memory: { memoryMiB: 128 } };

function open(t: TestContext): State {
  t.after(() => database[Symbol.dispose]());
  const database = new Database(join(temporaryDir(t), "smolvm.db"));
  return {
    database,
    vms: new VMRepository(database),
    layers: new LayerRepository(database),
    snapshots: new SnapshotRepository(database),
  };
}

function addVm(
  vms: VMRepository,
  vmId: string,
  on: { readonly layer?: string; readonly savedLayer?: string } = {},
): void {
  const config = { vmId } as unknown as ResolvedVMConfig;
  vms.insert({ config, network: null, backend: "qemu", imageId: "i", diskPath: `/d/${vmId}`, socketDir: "/s", ...on });
}

function begin(layers: LayerRepository, known: Partial<NewLayer> = {}): string {
  const nothing = { parent: null, memoryParent: null, template: null, diskPath: null, overlayPath: null };
  return layers.begin({ vmId: "a", ...nothing, ...known }).id;
}

function finished(layers: LayerRepository, manifest: unknown, known: Partial<NewLayer> = {}): string {
  const id = begin(layers, known);
  layers.finish(id, manifest);
  return id;
}

/** As if the process that makes the layers had died. */
function killMakers({ database }: State): void {
  database.run("UPDATE layers SET maker_birth = 'another' WHERE maker_pid IS NOT NULL");
}

const idsOf = (taken: readonly { readonly id: string }[]): string[] => taken.map(({ id }) => id);

describe("the table of layers", () => {
  test("gives back what was put in, frozen, with its maker until it is finished", (t) => {
    const { layers } = open(t);
    const id = begin(layers, { diskPath: "/d/a" });
    assert.deepEqual(layers.get(id).maker, identifySelf());
    assert.ok(Object.isFrozen(layers.get(id)));
    layers.finish(id, DISK_ALONE);
    assert.deepEqual(layers.get(id), { ...layers.get(id), diskPath: "/d/a", manifest: DISK_ALONE, maker: null });
    assert.throws(() => layers.get("layer-x"), TypeError);
  });

  test("keeps a layer as long as a VM, a snapshot, another layer or a kept disk lies on it", (t) => {
    const { layers, vms, snapshots, database } = open(t);
    const lowest = finished(layers, DISK_ALONE);
    const middle = finished(layers, DISK_ALONE, { parent: lowest });
    addVm(vms, "b", { layer: middle });
    assert.deepEqual(layers.takeUnused(), []);
    vms.remove("b", "/d/b");
    assert.deepEqual(layers.takeUnused(), [], "the disk that was kept");
    database.run("DELETE FROM retained_disks");
    snapshots.insert({ id: "snap-1", name: null, layer: middle, vmId: "a", definition: {} });
    assert.deepEqual(layers.takeUnused(), []);
    snapshots.remove("snap-1");
    assert.deepEqual(idsOf(layers.takeUnused()), [middle, lowest], "and all that only it lay on");
    assert.deepEqual(layers.list(), []);
  });

  test("keeps a layer that is being made, or held, by a process that lives", (t) => {
    const state = open(t);
    const { layers } = state;
    const id = begin(layers);
    assert.deepEqual(layers.takeUnused(), []);
    layers.finish(id, WITH_MEMORY, { isHeld: true });
    assert.deepEqual([layers.takeUnused(), layers.takeUnusedMemory()], [[], []]);
    killMakers(state);
    assert.deepEqual(idsOf(layers.takeUnused()), [id]);
  });

  test("never gives away an unfinished layer of a dead process: its disk is the one that the VM writes to", (t) => {
    const state = open(t);
    const { layers, vms } = state;
    addVm(vms, "a");
    const id = begin(layers, { diskPath: "/d/a", overlayPath: "/d/a.1" });
    killMakers(state);
    assert.deepEqual(layers.takeUnused(), []);
    assert.deepEqual(idsOf(layers.abandoned("a")), [id]);
    assert.deepEqual(idsOf(layers.abandoned()), [id]);
    assert.deepEqual(layers.abandoned("b"), []);
    assert.ok(layers.isDisk("/d/a") && layers.isDisk("/d/a.1") && !layers.isDisk("/d/b"));
  });

  test("a layer that lives is nobody's to settle", (t) => {
    const { layers } = open(t);
    begin(layers);
    assert.deepEqual(layers.abandoned(), []);
  });

  test("a VM takes the overlay above a layer, and its disk is the layer's", (t) => {
    const { layers, vms } = open(t);
    addVm(vms, "a");
    const id = begin(layers, { diskPath: "/d/a" });
    layers.planOverlay(id, "/d/a.1");
    layers.putOverlay(layers.get(id));
    layers.finish(id, DISK_ALONE);
    const { diskPath, layer } = vms.get("a");
    assert.deepEqual([diskPath, layer], ["/d/a.1", id]);
    assert.deepEqual([layers.get(id).diskPath, layers.get(id).overlayPath], ["/d/a", null]);
  });

  test("a failure of what is done with the end of a layer leaves it unfinished", (t) => {
    const { layers } = open(t);
    const id = begin(layers);
    const and = (): never => {
      throw new Error("no");
    };
    assert.throws(() => layers.finish(id, DISK_ALONE, { and }), /no/);
    assert.deepEqual([layers.get(id).manifest, layers.get(id).maker], [null, identifySelf()]);
  });

  test("forgets the memory of layers that only disks lie on, down to the lowest", (t) => {
    const { layers, vms } = open(t);
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) {
      const below = ids.at(-1) ?? null;
      ids.push(finished(layers, WITH_MEMORY, { parent: below, memoryParent: below }));
    }
    const [lowest = "", middle = "", top = ""] = ids;
    addVm(vms, "b", { layer: top, savedLayer: top });
    assert.deepEqual(layers.takeUnusedMemory(), []);
    vms.setRunning("b", { startedFrom: "hibernation", phases: [] });
    assert.deepEqual(layers.takeUnusedMemory(), [top, middle, lowest]);
    assert.deepEqual(layers.takeUnused(), [], "the disks stay");
    for (const { manifest, memoryParent } of layers.list()) {
      assert.deepEqual([manifest, memoryParent], [DISK_ALONE, null]);
    }
    assert.deepEqual(layers.takeUnusedMemory(), []);
  });

  test("a layer that was taken back half-way holds no memory below it", (t) => {
    const { layers, vms } = open(t);
    const below = finished(layers, WITH_MEMORY);
    const half = finished(layers, DISK_ALONE, { parent: below, memoryParent: below });
    addVm(vms, "b", { layer: half });
    assert.deepEqual(layers.takeUnusedMemory(), [below]);
  });

  test("a layer that another has taken out can be given to no VM", (t) => {
    const { layers, vms } = open(t);
    const id = finished(layers, DISK_ALONE);
    layers.takeUnused();
    assert.throws(() => addVm(vms, "b", { layer: id }), { code: "STATE_ERROR" });
    assert.equal(vms.find("b"), undefined);
  });
});

describe("the table of snapshots", () => {
  test("finds a snapshot by its id and its name, and takes a name once", (t) => {
    const { layers, snapshots } = open(t);
    const layer = finished(layers, DISK_ALONE);
    snapshots.insert({ id: "snap-1", name: "one", layer, vmId: "a", definition: { x: 1 } });
    assert.deepEqual(snapshots.get("one"), snapshots.get("snap-1"));
    const second = { id: "snap-2", layer, vmId: "a", definition: {} };
    for (const name of ["one", "snap-1"]) {
      assert.throws(() => snapshots.insert({ ...second, name }), { code: "SNAPSHOT_ALREADY_EXISTS" });
    }
    snapshots.insert({ ...second, name: null });
    snapshots.remove("snap-1");
    assert.throws(() => snapshots.get("one"), { code: "SNAPSHOT_NOT_FOUND" });
    assert.deepEqual(idsOf(snapshots.list()), ["snap-2"]);
  });
});
