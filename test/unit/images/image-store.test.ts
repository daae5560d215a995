import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ImageStore } from "../../../src/images/image-store.ts";
import { addImage, stageImage, temporaryStore } from "./store-fixture.ts";

const early = { createdAt: "2026-01-01T00:00:00.000Z" };
const late = { createdAt: "2026-02-02T00:00:00.000Z" };

test("an image is found by its name, its id, and the beginning of its id", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  const { id } = image.manifest;
  for (const text of ["debian", id, id.slice(0, 6), `sha256:${id}`, `sha256-${id.slice(0, 12)}`]) {
    assert.deepEqual(await store.resolve(text), image, text);
  }
  assert.equal(await readFile(image.kernelPath, "utf8"), "kernel one");
  assert.equal((await stat(store.imageDir)).mode & 0o777, 0o700);
  assert.equal((await stat(image.rootfsPath)).mode & 0o777, 0o444);
});

test("a name stands for the image that was added last, and an older one stays reachable by id", async (t) => {
  const store = await temporaryStore(t);
  const older = await addImage(store, "one", early);
  const newer = await addImage(store, "two", late);
  assert.equal((await store.resolve("debian")).manifest.id, newer.manifest.id);
  assert.equal((await store.resolve(older.manifest.id)).manifest.id, older.manifest.id);
  const { images } = await store.list();
  assert.deepEqual(
    images.map(({ manifest }) => manifest.id),
    [newer.manifest.id, older.manifest.id],
  );
});

test("names that no image can have are refused before the file system is asked", async (t) => {
  const store = await temporaryStore(t);
  for (const text of ["../x", "..", ".hidden", "a/b", "", "UPPER", "a\0b", "a".repeat(64), "-x", "nom d'image"]) {
    await assert.rejects(
      store.resolve(text),
      (error: { code: string }) =>
        text === "a".repeat(64) ? error.code === "IMAGE_NOT_FOUND" : error.code === "INVALID_OPTION",
      text,
    );
  }
  await assert.rejects(addImage(store, "one", { name: "../x" }), { name: "ValidationError", code: "INVALID_OPTION" });
});

test("what is not there is IMAGE_NOT_FOUND, also in a store that does not exist", async (t) => {
  const store = await temporaryStore(t);
  assert.deepEqual(await store.list(), { images: [], damaged: [] });
  for (const text of ["debian", "abcdef", "f".repeat(64)]) {
    await assert.rejects(store.resolve(text), { name: "ImageError", code: "IMAGE_NOT_FOUND" }, text);
  }
  await assert.rejects(stat(store.imageDir), { code: "ENOENT" }, "asking makes nothing");
});

test("a file that was altered is found when the image is used", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  await chmod(image.rootfsPath, 0o644);
  await writeFile(image.rootfsPath, "rootfs.ext4 ONE"); // the same length
  await assert.rejects(store.resolve("debian"), { code: "IMAGE_CORRUPT", message: /rootfs\.ext4 .* was changed/ });
  await truncate(image.rootfsPath, 3);
  await assert.rejects(store.resolve("debian"), { code: "IMAGE_CORRUPT", message: /expected 15 bytes/ });
  const { images, damaged } = await store.list();
  assert.equal(images.length, 0);
  assert.equal(damaged[0]?.id, image.manifest.id);
  assert.equal(damaged[0]?.problem.code, "IMAGE_CORRUPT");
});

test("a file that only looks altered is read whole once, then known again", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  const content = await readFile(image.kernelPath);
  await rm(image.kernelPath);
  await writeFile(image.kernelPath, content);
  const stampPath = join(image.dir, "verified.json");
  const before = await readFile(stampPath, "utf8");
  await store.resolve("debian");
  const after = await readFile(stampPath, "utf8");
  assert.notEqual(after, before);
  await store.resolve("debian");
  assert.equal(await readFile(stampPath, "utf8"), after);
});

test("a missing file, a truncated manifest and one of another image are IMAGE_CORRUPT", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  const path = join(image.dir, "manifest.json");
  const manifest = await readFile(path, "utf8");
  const damages = [
    manifest.slice(0, 100),
    "",
    "{}",
    "null",
    manifest.replace('"formatVersion": 1', '"formatVersion": 2'),
    manifest.replace('"arch": "x86_64"', '"arch": "aarch64"'),
    manifest.replace(/"sizeBytes": \d+/, '"sizeBytes": -1'),
    manifest.replace(image.manifest.files.kernel.sha256, "0".repeat(64)),
  ];
  for (const damaged of damages) {
    await writeFile(path, damaged);
    await assert.rejects(store.resolve("debian"), { code: "IMAGE_CORRUPT" }, damaged);
  }
  await rm(path);
  await assert.rejects(store.resolve("debian"), { code: "IMAGE_CORRUPT", message: /no manifest/ });
  await writeFile(path, manifest);
  await store.resolve("debian");
  await rm(image.kernelPath);
  await assert.rejects(store.resolve("debian"), { code: "IMAGE_CORRUPT", message: /lacks its file kernel/ });
});

test("adding an image again repairs a damaged one", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  await truncate(image.rootfsPath, 1);
  const again = await addImage(store, "one");
  assert.equal(again.manifest.id, image.manifest.id);
  assert.equal(await readFile((await store.resolve("debian")).rootfsPath, "utf8"), "rootfs.ext4 one");
  assert.deepEqual(await readdir(join(store.imageDir, "staging")), []);
});

test("adding the same content again keeps one directory and notes the new facts", async (t) => {
  const store = await temporaryStore(t);
  const recipeDigest = "1".repeat(64);
  await addImage(store, "one");
  await addImage(store, "one", { name: "other", recipeDigest });
  assert.equal((await store.list()).images.length, 1);
  const found = await store.findByRecipe(recipeDigest);
  assert.equal(found?.manifest.name, "other");
  assert.deepEqual(
    (await store.namesOf(found.manifest.id)).toSorted((a, b) => a.localeCompare(b)),
    ["debian", "other"],
  );
});

test("many adds at once give one whole image", async (t) => {
  const store = await temporaryStore(t);
  const images = await Promise.all(Array.from({ length: 16 }, () => addImage(store, "one")));
  assert.equal(new Set(images.map(({ dir }) => dir)).size, 1);
  assert.deepEqual((await store.list()).damaged, []);
  await store.resolve("debian");
  assert.deepEqual(await readdir(join(store.imageDir, "staging")), []);
});

test("an add that is aborted leaves no image", async (t) => {
  const store = await temporaryStore(t);
  const reason = new Error("enough");
  {
    await using staging = await store.createStaging();
    const staged = await stageImage(staging.path, "one");
    await assert.rejects(store.add(staged, { signal: AbortSignal.abort(reason) }));
  }
  assert.deepEqual(await store.list(), { images: [], damaged: [] });
  assert.deepEqual(await readdir(join(store.imageDir, "staging")), []);
});

test("a removed image is gone, and its name goes to the newest that is left", async (t) => {
  const store = await temporaryStore(t);
  const older = await addImage(store, "one", early);
  const newer = await addImage(store, "two", late);
  assert.deepEqual(await store.remove("debian"), { id: newer.manifest.id });
  assert.equal((await store.resolve("debian")).manifest.id, older.manifest.id);
  await store.remove(older.manifest.id.slice(0, 8));
  await assert.rejects(store.resolve("debian"), { code: "IMAGE_NOT_FOUND" });
  await assert.rejects(store.remove("debian"), { code: "IMAGE_NOT_FOUND" });
  const left = await readdir(store.imageDir, { recursive: true });
  assert.deepEqual(
    left.filter((name) => name.includes("sha256-") || name.startsWith("names/")),
    [],
  );
});

test("an image that VMs use is not removed, and the error names them", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  await assert.rejects(store.remove("debian", { inUse: () => ["sbx-1", "sbx-2"] }), {
    code: "IMAGE_IN_USE",
    message: /sbx-1, sbx-2/,
    details: { id: image.manifest.id, users: ["sbx-1", "sbx-2"] },
  });
  await store.resolve("debian");
  await store.remove("debian", { inUse: async () => [] });
});

test("a damaged image can be removed", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  await writeFile(join(image.dir, "manifest.json"), "");
  await store.remove("debian");
  await assert.rejects(store.resolve(image.manifest.id), { code: "IMAGE_NOT_FOUND" });
});

test("prune removes superseded images that nobody uses and staging directories of dead processes", async (t) => {
  const store = await temporaryStore(t);
  const unused = await addImage(store, "one", early);
  const used = await addImage(store, "two", early);
  const current = await addImage(store, "three", late);
  const other = await addImage(store, "four", { ...early, name: "other" });
  await using mine = await store.createStaging();
  const dead = join(store.imageDir, "staging", `4194304-${Buffer.from("boot:1").toString("base64url")}-0123456789ab`);
  await mkdir(dead);
  await writeFile(join(dead, "rootfs.ext4"), "half");
  const result = await store.prune({ inUse: ({ manifest }) => (manifest.id === used.manifest.id ? ["sbx-1"] : []) });
  assert.deepEqual(
    result.removed.map(({ manifest }) => manifest.id),
    [unused.manifest.id],
  );
  assert.deepEqual(
    result.kept.map(({ manifest }) => manifest.id),
    [used.manifest.id],
  );
  assert.equal(result.stagingRemoved, 1);
  assert.deepEqual(await readdir(join(store.imageDir, "staging")), [mine.path.split("/").at(-1)]);
  await store.resolve(current.manifest.id);
  await store.resolve(other.manifest.id);
});

test("two stores on one directory see each other's images", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  assert.deepEqual(await new ImageStore(store.imageDir).resolve("debian"), image);
});

test("an ambiguous beginning of an id is not guessed", async (t) => {
  const store = await temporaryStore(t);
  const image = await addImage(store, "one");
  const { id } = image.manifest;
  const twin = `${id.slice(0, 60)}${id.endsWith("0000") ? "1111" : "0000"}`;
  await mkdir(join(store.imageDir, `sha256-${twin}`));
  await assert.rejects(store.resolve(id.slice(0, 10)), { code: "IMAGE_NOT_FOUND", message: /2 images have an id/ });
});
