import { basename, dirname, join } from "node:path";
import { type CpioEntry, writeCpioArchive } from "./cpio.ts";
import { resolveModules, type WantedModule } from "./module-graph.ts";
import type { ModuleTree } from "./module-tree.ts";

/**
 * What the agent needs before the root filesystem is there, in the order in which it should be loaded: the bus, the
 * channel and the disk first, so that the agent can talk and mount while the rest is loaded.
 */
export const GUEST_MODULES: readonly WantedModule[] = [
  { name: "virtio_pci" },
  { name: "virtio_console" },
  { name: "virtio_blk" },
  { name: "ext4" },
  { name: "virtio_mmio" },
  { name: "vmw_vsock_virtio_transport", optional: true },
  { name: "vmgenid", optional: true },
  { name: "virtio_net" },
  { name: "virtio_rng" },
];

/** Mount points that the agent expects, and directories that hold other entries. */
const DIRECTORIES = ["dev", "newroot", "proc", "run", "smolvm", "sys", "tmp"];

/**
 * Builds the initramfs: the agent as `/init`, the modules it loads, their list in `/smolvm/modules` (absolute paths,
 * one a line, in load order), mount points and `/dev/console`.
 *
 * Deterministic: the same agent and modules give the same bytes. Not compressed: it is about 1 MB, and the guest would
 * pay for the decompression with emulated instructions at every boot. Modules are not stripped, which would remove
 * their signatures.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when the kernel lacks a module that is not optional.
 */
export async function buildInitramfs(options: {
  readonly agent: Uint8Array;
  readonly kernelRelease: string;
  readonly modules: ModuleTree;
  readonly wanted?: readonly WantedModule[];
}): Promise<Buffer> {
  const { modules, kernelRelease } = options;
  const resolved = await resolveModules(options.wanted ?? GUEST_MODULES, modules.find, modules.builtin);
  const files: (CpioEntry & { type: "file" })[] = [];
  for (const module of resolved) {
    const path = join("lib/modules", kernelRelease, dirname(module.path), moduleFileName(module.path));
    files.push({ type: "file", path, content: await modules.read(module) });
  }
  const list = files.map((file) => `/${file.path}\n`).join("");
  const entries: CpioEntry[] = [
    ...files,
    { type: "file", path: "init", content: options.agent, mode: 0o755 },
    { type: "file", path: "smolvm/modules", content: Buffer.from(list) },
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
  ];
  return writeCpioArchive([...directoriesOf(entries), ...entries]);
}

/** `virtio-rng.ko.xz` → `virtio-rng.ko`: the file name is kept, what it was packed with is not. */
function moduleFileName(path: string): string {
  return basename(path).replace(/\.ko(\.\w+)?$/, ".ko");
}

function directoriesOf(entries: readonly CpioEntry[]): CpioEntry[] {
  const paths = new Set(DIRECTORIES);
  for (const { path } of entries) {
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) paths.add(parent);
  }
  return [...paths].map((path) => ({ type: "directory", path }));
}
