import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import type { ResolvedVMConfig } from "../../../src/config/vm-config.ts";
import { ImageStore } from "../../../src/images/image-store.ts";
import { createQcow2Overlay, readQcow2Header } from "../../../src/images/qcow2-overlay.ts";
import { type ManagerContext, openContext } from "../../../src/manager/context.ts";
import { reconcile } from "../../../src/manager/reconcile.ts";
import { emptyDisk } from "../../../src/manager/start-source.ts";
import { overlayAbove, overlayPath } from "../../../src/manager/vm-files.ts";
import type { LayerManifest, SavedMemory } from "../../../src/snapshots/layer.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";

const DISK_ALONE: LayerManifest = { formatVersion: 1, purpose: "snapshot", disk: null, memory: null };
const WITH_MEMORY: LayerManifest = { ...DISK_ALONE, memory: { memoryMiB: 128 } as SavedMemory };
const SIZE_BYTES = 64 * 1024 * 1024;

function open(t: TestContext): ManagerContext {
  const dataDir = temporaryDir(t);
  t.after(() => context[Symbol.dispose]());
  const images = new ImageStore(join(dataDir, "images"));
  const context = openContext({ dataDir, socketDir: join(dataDir, "s"), images, backends: new Map() });
  return context;
}

/** A VM that is stopped, with its disk. */
async function addVm(context: ManagerContext, vmId: string, layer?: string): Promise<string> {
  const config = { vmId } as unknown as ResolvedVMConfig;
  const diskPath = overlayPath(context.dataDir, vmId);
  await overlay(diskPath);
  const on = layer === undefined ? {} : { layer };
  context.vms.insert({ config, network: null, backend: "qemu", imageId: "i", diskPath, socketDir: "/s", ...on });
  context.vms.setDown(vmId, "stopped");
  context.vms.endOperation(vmId);
  mkdirSync(join(context.dataDir, "vms", vmId));
  return diskPath;
}

async function overlay(path: string): Promise<void> {
  await createQcow2Overlay({ path, backingPath: "/rootfs", backingFormat: "raw", sizeBytes: SIZE_BYTES });
}

/** As a guest's first write does. */
function writeTo(disk: string): void {
  appendFileSync(disk, Buffer.alloc(65_536, 1));
}

function begin(context: ManagerContext, vmId: string, diskPath: string | null): string {
  const nothing = { parent: null, memoryParent: null, template: null, overlayPath: null };
  const { id } = context.layers.begin({ vmId, diskPath, ...nothing });
  mkdirSync(join(context.layerDir, id), { recursive: true });
  writeFileSync(join(context.layerDir, id, "pages"), "pages");
  return id;
}

/** As if the process that makes the layers had died. */
function killMakers({ dataDir }: ManagerContext): void {
  const database = new DatabaseSync(join(dataDir, "smolvm.db"));
  database.exec("UPDATE layers SET maker_birth = 'another' WHERE maker_pid IS NOT NULL");
  database.close();
}

const disksOf = ({ dataDir }: ManagerContext): string[] => readdirSync(join(dataDir, "disks")).toSorted();
const savedIn = ({ layerDir }: ManagerContext): string[] => readdirSync(layerDir).filter((name) => name !== ".locks");

describe("reconcile() of layers", () => {
  test("keeps the disks and the memory that rows name, and removes what none does", async (t) => {
    const context = open(t);
    const below = join(context.dataDir, "disks", "below.qcow2");
    await overlay(below);
    const id = begin(context, "a", below);
    context.layers.finish(id, WITH_MEMORY, { isHeld: true });
    await addVm(context, "b", id);
    await overlay(join(context.dataDir, "disks", "nobody.layer-1.qcow2"));
    mkdirSync(join(context.layerDir, "layer-nobody"));
    await reconcile(context);
    assert.deepEqual(disksOf(context), ["b.qcow2", "below.qcow2"]);
    assert.deepEqual(savedIn(context), [id]);
  });

  test("lets go of what a dead process held for forks, and of its claims", async (t) => {
    const context = open(t);
    const below = join(context.dataDir, "disks", "below.qcow2");
    await overlay(below);
    const id = begin(context, "b", below);
    context.layers.finish(id, WITH_MEMORY, { isHeld: true });
    await addVm(context, "b", id);
    mkdirSync(join(context.layerDir, ".locks"));
    writeFileSync(join(context.layerDir, ".locks", `${id}.1-ab.claim`), JSON.stringify({ pid: 1, birth: "another" }));
    killMakers(context);
    await reconcile(context);
    assert.deepEqual(disksOf(context), ["b.qcow2", "below.qcow2"], "the VM's disk lies on it");
    assert.deepEqual([savedIn(context), context.layers.get(id).maker], [[], null], "its memory is nobody's");
    assert.deepEqual(readdirSync(join(context.layerDir, ".locks")), []);
  });

  test("takes back a layer that was begun: the VM keeps its disk", async (t) => {
    const context = open(t);
    const diskPath = await addVm(context, "b");
    writeTo(diskPath);
    const id = begin(context, "b", diskPath);
    const above = overlayAbove(context.dataDir, "b", id);
    context.layers.planOverlay(id, above);
    await overlay(above);
    killMakers(context);
    await reconcile(context);
    assert.deepEqual([disksOf(context), savedIn(context), context.layers.list()], [["b.qcow2"], [], []]);
    assert.equal(context.vms.get("b").diskPath, diskPath);
  });

  test("lets the VM have the overlay that its VMM had begun to write to", async (t) => {
    const context = open(t);
    const diskPath = await addVm(context, "b");
    writeTo(diskPath);
    const id = begin(context, "b", diskPath);
    const above = overlayAbove(context.dataDir, "b", id);
    context.layers.planOverlay(id, above);
    await overlay(above);
    writeTo(above);
    killMakers(context);
    await reconcile(context);
    const { diskPath: now, layer } = context.vms.get("b");
    assert.deepEqual([now, layer], [above, id]);
    assert.ok(existsSync(diskPath), "which lies on what was its disk");
    assert.deepEqual(context.layers.get(id).manifest?.memory, null);
    assert.deepEqual(savedIn(context), []);
  });

  test("of a VM that is gone removes all that was begun", async (t) => {
    const context = open(t);
    const old = join(context.dataDir, "disks", "gone.qcow2");
    await overlay(old);
    const id = begin(context, "gone", old);
    const above = overlayAbove(context.dataDir, "gone", id);
    context.layers.planOverlay(id, above);
    await overlay(above);
    killMakers(context);
    await reconcile(context);
    assert.deepEqual([disksOf(context), savedIn(context), context.layers.list()], [[], [], []]);
  });

  test("leaves a layer alone that a living process makes", async (t) => {
    const context = open(t);
    const diskPath = await addVm(context, "b");
    const id = begin(context, "b", diskPath);
    context.layers.finish(begin(context, "c", null), DISK_ALONE, { isHeld: true });
    await reconcile(context);
    assert.equal(context.layers.get(id).manifest, null);
    assert.ok(savedIn(context).includes(id));
  });
});

describe("the disk of a VM that continues from saved memory", () => {
  test("loses what an interrupted start has written, and nothing else changes", async (t) => {
    const path = join(temporaryDir(t), "disk.qcow2");
    const disk = { path, format: "qcow2", backing: { path: "/rootfs", format: "raw", backing: undefined } } as const;
    await overlay(path);
    await emptyDisk(disk);
    assert.deepEqual(await readQcow2Header(path), { isEmpty: true, sizeBytes: SIZE_BYTES, backingPath: "/rootfs" });
    writeTo(path);
    assert.equal((await readQcow2Header(path))?.isEmpty, false);
    await emptyDisk(disk);
    assert.deepEqual(await readQcow2Header(path), { isEmpty: true, sizeBytes: SIZE_BYTES, backingPath: "/rootfs" });
    assert.ok(!existsSync(`${path}.new`));
  });
});
