import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveImageDir } from "../../src/host/paths.ts";
import type { Image } from "../../src/images/image.ts";
import { ImageStore } from "../../src/images/image-store.ts";

// Nothing but what is measured may work on the side.
process.env["SMOLVM_BACKGROUND"] = "off";

/** The default image, which both the floor and the library run. */
export async function defaultImage(): Promise<Image> {
  return await new ImageStore(resolveImageDir()).resolve("debian");
}

/** Runs `work` with a data directory of its own, which is removed afterwards. */
export async function withDataDir<T>(work: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), "bench-"));
  try {
    return await work(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** The number after a flag such as `--count 50`. */
export function numberFlag(flag: string, byDefault: number): number {
  const position = process.argv.indexOf(flag);
  return position < 0 ? byDefault : Number(process.argv[position + 1]);
}
