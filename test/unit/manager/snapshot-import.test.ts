import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Readable } from "node:stream";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type SmolVMError, SmolVMManager } from "../../../src/index.ts";
import type { Image } from "../../../src/images/image.ts";
import { ImageStore } from "../../../src/images/image-store.ts";
import { createQcow2Overlay, readQcow2Header } from "../../../src/images/qcow2-overlay.ts";
import { diskEntry, type SnapshotArchiveManifest } from "../../../src/manager/snapshots/archive-manifest.ts";
import type { JsonValue } from "../../../src/snapshots/archive/archive-format.ts";
import type { ArchiveSource } from "../../../src/snapshots/archive/encode-content.ts";
import { writeArchive } from "../../../src/snapshots/archive/write-archive.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { addImage } from "../images/store-fixture.ts";

const MAIN = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const MIB = 1024 * 1024;
const STATE = Buffer.from("state of the devices");
const PAGE = Buffer.alloc(4096, 7);

/** What an archive is made of, as an export would make it. */
interface Content {
  manifest: SnapshotArchiveManifest;
  entries: ArchiveSource[];
}

/** A machine without any snapshot, and a place for archives of others. */
class Fixture {
  readonly dir: string;
  readonly manager: SmolVMManager;
  readonly #elsewhere: ImageStore;

  constructor(t: TestContext) {
    this.dir = temporaryDir(t, "i-");
    this.manager = new SmolVMManager({ dataDir: join(this.dir, "data"), imageDir: join(this.dir, "images") });
    t.after(() => this.manager.close());
    this.#elsewhere = new ImageStore(join(this.dir, "elsewhere"));
  }

  /** An image of the other machine. */
  async image(content = "one"): Promise<Image> {
    return await addImage(this.#elsewhere, content);
  }

  /** A snapshot with memory, of a VM with two disks. */
  async content(): Promise<Content> {
    const image = await this.image();
    const disks = await Promise.all([0, 1].map((index) => this.#disk(index)));
    const files = [
      ["kernel", image.kernelPath],
      ["initramfs", image.initrdPath],
      ["rootfs.ext4", image.rootfsPath],
      ...disks.map((path, index) => [diskEntry(index), path] as const),
    ] as const;
    return {
      manifest: {
        formatVersion: 1,
        name: "saved",
        vmId: "origin",
        config: {
          ...{ vcpuCount: 1, memoryMiB: 64, diskMiB: 8, bootArgs: "quiet" },
          ...{ env: { A: "b" }, network: "none", backend: "qemu" },
        },
        diskSizeBytes: 8 * MIB,
        image: image.manifest,
        includesImage: true,
        diskCount: 2,
        memory: {
          hasInterface: false,
          machine: { identity: "[]", version: "7.2.0", accelerator: "tcg", cpu: "emulated" },
          state: { sha256: sha256(STATE), sizeBytes: STATE.length, includesMemory: false },
        },
        dataBytes: 1_000,
      },
      entries: [
        { name: "state", sizeBytes: STATE.length, mode: 0o400, runs: [{ offset: 0, bytes: STATE }] },
        { name: "memory", sizeBytes: 64 * MIB, mode: 0o600, runs: [{ offset: 8 * MIB, bytes: PAGE }] },
        ...files.map(([name, path]) => ({ name, sizeBytes: statSync(path).size, mode: 0o400, runs: path })),
      ],
    };
  }

  async archive({ manifest, entries }: Content): Promise<string> {
    const path = join(this.dir, `archive-${readdirSync(this.dir).length}`);
    await writeArchive(path, { manifest: manifest as unknown as JsonValue, entries });
    return path;
  }

  /** All files, layers and snapshots of this machine, but for the database itself. */
  state(): unknown {
    const files = ["data", "images"].flatMap((name) => {
      mkdirSync(join(this.dir, name), { recursive: true });
      return readdirSync(join(this.dir, name), { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory() && !entry.name.startsWith("smolvm.db"))
        .map((entry) => join(entry.parentPath, entry.name));
    });
    using database = new DatabaseSync(join(this.manager.dataDir, "smolvm.db"), { readOnly: true });
    const layers = database.prepare("SELECT * FROM layers").all();
    return { files: files.toSorted((a, b) => a.localeCompare(b)), layers, snapshots: this.manager.listSnapshots() };
  }

  /** Asserts that an import fails, and leaves nothing. */
  async refuses(source: string | Readable, code: string, message: RegExp, name?: string): Promise<void> {
    const before = this.state();
    await assert.rejects(this.manager.importSnapshot(source, name === undefined ? {} : { name }), { code, message });
    assert.deepEqual(this.state(), before);
  }

  async #disk(index: number): Promise<string> {
    const path = join(this.dir, `elsewhere-${index}.qcow2`);
    if (!readdirSync(this.dir).includes(`elsewhere-${index}.qcow2`)) {
      await createQcow2Overlay({ path, backingPath: "/elsewhere/below", backingFormat: "raw", sizeBytes: 8 * MIB });
    }
    return path;
  }
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe("an imported snapshot", () => {
  test("has files of this machine alone, one below the other, and a name and an image here", async (t) => {
    const fixture = new Fixture(t);
    const { manager } = fixture;
    const content = await fixture.content();
    const info = await manager.importSnapshot(await fixture.archive(content));
    assert.deepEqual([info.name, info.vmId, info.includesMemory, info.pauseMs], ["saved", "origin", true, 0]);
    const { id } = content.manifest.image;
    const imageDir = join(manager.imageDir, `sha256-${id}`);
    const { env, networkMode, rootfsPath, kernelPath, initrdPath, diskMode } = info.config;
    assert.deepEqual([env, networkMode, diskMode], [{ A: "b" }, "none", "isolated"]);
    assert.deepEqual(
      [kernelPath, initrdPath, rootfsPath],
      ["kernel", "initramfs", "rootfs.ext4"].map((file) => join(imageDir, file)),
    );
    const disks = readdirSync(manager.diskDir).map((name) => join(manager.diskDir, name));
    const below = await Promise.all(disks.map(async (path) => (await readQcow2Header(path))?.backingPath ?? ""));
    assert.deepEqual(new Set(below), new Set([rootfsPath, disks[below.indexOf(rootfsPath)]]));
    const [layer = ""] = readdirSync(join(manager.dataDir, "layers"));
    const memoryPath = join(manager.dataDir, "layers", layer, "memory");
    const memory = readFileSync(memoryPath);
    assert.equal(memory.length, 64 * MIB);
    assert.ok(memory.subarray(8 * MIB, 8 * MIB + 4096).equals(PAGE));
    assert.ok(statSync(memoryPath).blocks * 512 < MIB, "holes are holes");
    assert.equal((await manager.images.resolve(id)).manifest.name, `imported-${id.slice(0, 12)}`);
    await manager.deleteSnapshot("saved");
    assert.deepEqual([readdirSync(manager.diskDir), readdirSync(join(manager.dataDir, "layers"))], [[], []]);
  });

  test("can be had several times from one archive, under other names, and from a stream", async (t) => {
    const fixture = new Fixture(t);
    const path = await fixture.archive(await fixture.content());
    await fixture.manager.importSnapshot(path);
    await fixture.refuses(path, "SNAPSHOT_ALREADY_EXISTS", /"saved"/);
    await fixture.manager.importSnapshot(Readable.from([readFileSync(path)]), { name: "again" });
    assert.deepEqual(
      fixture.manager.listSnapshots().map(({ name }) => name),
      ["saved", "again"],
    );
    await fixture.refuses(path, "INVALID_OPTION", /name must match/, "No Name");
  });

  test("uses an image that is here, whose name and facts stay as they are", async (t) => {
    const fixture = new Fixture(t);
    const facts = { name: "mine", recipeDigest: "1".repeat(64) };
    const mine = await addImage(fixture.manager.images, "one", facts);
    const content = await fixture.content();
    const entries = content.entries.filter(({ name }) => !/kernel|initramfs|rootfs/.test(name));
    const without = { entries, manifest: { ...content.manifest, includesImage: false } };
    for (const [name, each] of Object.entries({ full: content, without })) {
      const { config } = await fixture.manager.importSnapshot(await fixture.archive(each), { name });
      assert.deepEqual([config.image, config.rootfsPath], ["mine", mine.rootfsPath]);
    }
    const { images } = await fixture.manager.images.list();
    assert.deepEqual(
      images.map(({ manifest }) => [manifest.name, manifest.recipeDigest]),
      [["mine", facts.recipeDigest]],
    );
  });

  test("brings an image that passes for no build, and takes no other image's name", async (t) => {
    const fixture = new Fixture(t);
    const mine = await addImage(fixture.manager.images, "mine");
    const content = await fixture.content();
    const recipeDigest = "2".repeat(64);
    const image = { ...content.manifest.image, recipeDigest };
    await fixture.manager.importSnapshot(
      await fixture.archive({ ...content, manifest: { ...content.manifest, image } }),
    );
    assert.equal((await fixture.manager.images.resolve("debian")).manifest.id, mine.manifest.id);
    assert.equal(await fixture.manager.images.findByRecipe(recipeDigest), undefined);
    await fixture.manager.images.remove("debian");
    await assert.rejects(fixture.manager.images.resolve("debian"), { code: "IMAGE_NOT_FOUND" });
  });

  test("of a VM without a disk of its own and without memory is one layer", async (t) => {
    const fixture = new Fixture(t);
    const content = await fixture.content();
    const entries = content.entries.filter(({ name }) => /kernel|initramfs|rootfs/.test(name));
    const manifest = { ...content.manifest, diskCount: 0, memory: null };
    const info = await fixture.manager.importSnapshot(await fixture.archive({ entries, manifest }));
    assert.equal(info.includesMemory, false);
    assert.deepEqual(readdirSync(fixture.manager.diskDir), []);
  });
});

describe("an import is refused, and leaves nothing", () => {
  test("of what is no archive, is cut off or altered, or is not there", async (t) => {
    const fixture = new Fixture(t);
    const content = await fixture.content();
    const foreign = join(fixture.dir, "foreign");
    writeFileSync(foreign, "#!/bin/sh\n");
    await fixture.refuses(foreign, "SNAPSHOT_CORRUPT", /does not start like an archive/);
    await fixture.refuses(join(fixture.dir, "missing"), "INVALID_PATH", /missing/);
    await fixture.refuses(fixture.dir, "IO_ERROR", /directory/);
    const size = statSync(await fixture.archive(content)).size;
    for (const keptBytes of [0, 7, 11, 60, Math.floor(size / 2), size - 33, size - 1]) {
      const path = await fixture.archive(content);
      truncateSync(path, keptBytes);
      await fixture.refuses(path, "SNAPSHOT_CORRUPT", /the archive cannot be used/);
    }
    for (const at of [20, Math.floor(size / 3), size - 40, size - 1]) {
      const path = await fixture.archive(content);
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      writeFileSync(path, bytes);
      await fixture.refuses(path, "SNAPSHOT_CORRUPT", /the archive cannot be used/);
    }
    const longer = await fixture.archive(content);
    appendFileSync(longer, "x");
    await fixture.refuses(longer, "SNAPSHOT_CORRUPT", /the archive cannot be used/);
    const newer = await fixture.archive(content);
    const bytes = readFileSync(newer);
    bytes.writeUInt32BE(99, 8);
    writeFileSync(newer, bytes);
    await fixture.refuses(newer, "SNAPSHOT_INCOMPATIBLE", /version 99/);
  });

  test("whose manifest is another thing than that of a snapshot", async (t) => {
    const fixture = new Fixture(t);
    const content = await fixture.content();
    const { manifest } = content;
    const { config } = manifest;
    const memory = manifest.memory ?? assert.fail("it has memory");
    const wrong: Readonly<Record<string, [RegExp, unknown]>> = {
      "a newer form": [/formatVersion/, { ...manifest, formatVersion: 2 }],
      "no object": [/manifest/, "text"],
      "more than there is": [/manifest/, { ...manifest, rootfsPath: "/dev/sda" }],
      "a path for an id": [/vmId/, { ...manifest, vmId: "../../x" }],
      "a name that none can have": [/name/, { ...manifest, name: "A b" }],
      "a file of this machine": [/config/, { ...manifest, config: { ...config, kernelPath: "/etc/passwd" } }],
      "too little memory": [/memoryMiB/, { ...manifest, config: { ...config, memoryMiB: 1 } }],
      "a line break for the kernel": [/bootArgs/, { ...manifest, config: { ...config, bootArgs: "a\nb" } }],
      "no such variable": [/env/, { ...manifest, config: { ...config, env: { "A=B": "c" } } }],
      "half a sector": [/diskSizeBytes/, { ...manifest, diskSizeBytes: 100 }],
      "disks without end": [/diskCount/, { ...manifest, diskCount: 1e6 }],
      "no digest": [/sha256/, { ...manifest, memory: { ...memory, state: { ...memory.state, sha256: "x" } } }],
      "an image of another form": [/image/, { ...manifest, image: { ...manifest.image, id: "../x" } }],
    };
    for (const [what, [message, value]] of Object.entries(wrong)) {
      const path = await fixture.archive({ ...content, manifest: value as SnapshotArchiveManifest });
      await t.test(what, () => fixture.refuses(path, "SNAPSHOT_CORRUPT", message));
    }
    const firecracker = { ...manifest, config: { ...config, backend: "firecracker" as const } };
    const path = await fixture.archive({ ...content, manifest: firecracker });
    await fixture.refuses(path, "SNAPSHOT_INCOMPATIBLE", /firecracker/);
  });

  test("whose files are not those of its manifest", async (t) => {
    const fixture = new Fixture(t);
    const content = await fixture.content();
    const replaced = (name: string, bytes: Buffer | undefined, sizeBytes = bytes?.length ?? 0): Content => ({
      ...content,
      entries: content.entries.flatMap((entry) => {
        if (entry.name !== name) return [entry];
        return bytes === undefined ? [] : [{ ...entry, sizeBytes, runs: [{ offset: 0, bytes }] }];
      }),
    });
    const disk = readFileSync(join(fixture.dir, "elsewhere-1.qcow2"));
    const changed = (offset: number, value: number): Buffer => {
      const bytes = Buffer.from(disk);
      bytes.writeUInt32BE(value, offset);
      return bytes;
    };
    const wrong: Readonly<Record<string, [RegExp, Content]>> = {
      "no state": [/lacks "state"/, replaced("state", undefined)],
      "no memory": [/lacks "memory"/, replaced("memory", undefined)],
      "no disk": [/lacks "disk-1"/, replaced("disk-1", undefined)],
      "no kernel": [/lacks "kernel"/, replaced("kernel", undefined)],
      "a state of another content": [/state of the devices/, replaced("state", Buffer.alloc(STATE.length))],
      "a longer state": [/"state" has 21 bytes/, replaced("state", Buffer.alloc(21))],
      "less memory": [/"memory" has 4096 bytes/, replaced("memory", PAGE)],
      "a disk beyond all bounds": [/"disk-0" has/, replaced("disk-0", Buffer.alloc(0), 2 ** 38)],
      "a kernel of another content": [/expected the files of the image/, replaced("kernel", Buffer.alloc(10, 1))],
      "a disk that is none": [/no disk of the kind/, replaced("disk-1", Buffer.alloc(200_000))],
      "a disk with its data in another file": [/no disk of the kind/, replaced("disk-1", changed(76, 4))],
      "an encrypted disk": [/no disk of the kind/, replaced("disk-1", changed(32, 2))],
      "a disk with tables in its header": [/no disk of the kind/, replaced("disk-1", changed(44, 512))],
      "a larger disk": [/larger than its manifest says/, replaced("disk-1", changed(28, 16 * MIB))],
    };
    for (const [what, [message, each]] of Object.entries(wrong)) {
      const path = await fixture.archive(each);
      await t.test(what, () => fixture.refuses(path, "SNAPSHOT_CORRUPT", message));
    }
  });

  test("for which there is no room, or no image", async (t) => {
    const fixture = new Fixture(t);
    const content = await fixture.content();
    const large = { ...content.manifest, dataBytes: 2 ** 52 };
    await fixture.refuses(await fixture.archive({ ...content, manifest: large }), "NO_SPACE", /are needed in/);
    const lonely = { ...content.manifest, includesImage: false };
    await fixture.refuses(
      await fixture.archive({ ...content, manifest: lonely }),
      "IMAGE_NOT_FOUND",
      /does not hold its image/,
    );
  });

  test("when another one takes its name at the last moment", async (t) => {
    const fixture = new Fixture(t);
    const path = await fixture.archive(await fixture.content());
    const results = await Promise.allSettled([1, 2, 3].map(() => fixture.manager.importSnapshot(path)));
    const refused = results.filter((result) => result.status === "rejected");
    assert.deepEqual(
      refused.map(({ reason }) => (reason as SmolVMError).code),
      ["SNAPSHOT_ALREADY_EXISTS", "SNAPSHOT_ALREADY_EXISTS"],
    );
    assert.equal(readdirSync(fixture.manager.diskDir).length, 2);
    await fixture.manager.deleteSnapshot("saved");
    assert.deepEqual(readdirSync(fixture.manager.diskDir), []);
  });

  test("when its process is killed, as soon as `reconcile` has been there", async (t) => {
    const fixture = new Fixture(t);
    const content = await fixture.content();
    const random = [{ offset: 0, bytes: randomBytes(4 * MIB) }];
    const entries = content.entries.map((entry) => (entry.name === "memory" ? { ...entry, runs: random } : entry));
    const bytes = readFileSync(await fixture.archive({ ...content, entries }));
    const before = fixture.state();
    const { dataDir, imageDir } = fixture.manager;
    const words = ["--data-dir", dataDir, "--image-dir", imageDir, "snapshot", "import", "-"];
    const child = spawn(process.execPath, [MAIN, ...words], { stdio: ["pipe", "ignore", "inherit"] });
    child.stdin.on("error", () => {}); // it is killed while it reads
    child.stdin.write(bytes.subarray(0, 3 * MIB));
    const deadlineMs = performance.now() + 30_000;
    const isUnpacking = (): boolean =>
      readdirSync(dataDir, { recursive: true }).some((name) => String(name).endsWith("memory"));
    while (!isUnpacking() && performance.now() < deadlineMs) await sleep(20);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.notDeepEqual(fixture.state(), before);
    await fixture.manager.reconcile();
    await fixture.manager.images.prune({ inUse: () => [] });
    assert.deepEqual(fixture.state(), before);
  });

  test("when it is cancelled, whatever it is at", async (t) => {
    const fixture = new Fixture(t);
    const path = await fixture.archive(await fixture.content());
    const entries = ["state", "memory", "disk-0", "kernel", "rootfs.ext4"];
    for (const at of entries) {
      const before = fixture.state();
      const controller = new AbortController();
      const onProgress = ({ entry }: { entry: string }): void => {
        if (entry === at) controller.abort(new Error(`enough at ${at}`));
      };
      const { signal } = controller;
      await assert.rejects(fixture.manager.importSnapshot(path, { signal, onProgress }), {
        message: `enough at ${at}`,
      });
      assert.deepEqual(fixture.state(), before);
    }
  });
});
