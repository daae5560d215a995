import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Image } from "../../../src/images/image.ts";
import { ImageStore, type StagedImage } from "../../../src/images/image-store.ts";

/** A store in a directory that is gone after the test. */
export async function temporaryStore(t: TestContext): Promise<ImageStore> {
  const dir = await mkdtemp(join(tmpdir(), "smolvm-store-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return new ImageStore(join(dir, "images"));
}

/** Adds an image whose files hold `content`. */
export async function addImage(
  store: ImageStore,
  content: string,
  facts: Partial<StagedImage["facts"]> = {},
): Promise<Image> {
  await using staging = await store.createStaging();
  return await store.add(await stageImage(staging.path, content, facts));
}

/** Writes the files of an image into a directory, without adding it. */
export async function stageImage(
  dir: string,
  content: string,
  facts: Partial<StagedImage["facts"]> = {},
): Promise<StagedImage> {
  for (const name of ["kernel", "initramfs", "rootfs.ext4"]) await writeFile(join(dir, name), `${name} ${content}`);
  return {
    dir,
    facts: {
      name: "debian",
      arch: "x86_64",
      createdAt: new Date().toISOString(),
      source: { distribution: "debian", suite: "bookworm", packages: ["curl"], kernelPackage: "linux 6.1" },
      kernelRelease: "6.1.0-test",
      agentVersion: "0.1.0",
      recipeDigest: "0".repeat(64),
      ...facts,
    },
  };
}
