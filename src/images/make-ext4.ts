import { ImageError } from "../errors/smolvm-error.ts";
import type { RootTree } from "./own-tree.ts";
import { runTool } from "./run-tool.ts";

const MIB = 1024 * 1024;
const BLOCK_BYTES = 4096;
const INODE_BYTES = 256;
const MAX_SIZE_MIB = 1023;
const MIN_FREE_MIB = 100;
const SIZE_STEP_MIB = 16;

/**
 * How the filesystem is made. All is explicit, since the defaults differ with the size of the filesystem and with the
 * host's mke2fs.conf.
 */
export const MKFS_OPTIONS: readonly string[] = [
  ...["-b", String(BLOCK_BYTES), "-I", String(INODE_BYTES), "-i", "16384", "-m", "0"],
  // resize_inode and flex_bg: the guest grows the filesystem to the size of its disk while it is mounted.
  "-O",
  "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
  // The journal is a ring that is written all around: its size is what it adds to the disk of every VM in time.
  ...["-J", "size=8"],
];

/** Tables are zeroed here, where they are holes of a sparse file, and not by a kernel thread in every guest. */
export const EXTENDED_OPTIONS: string = "lazy_itable_init=0,lazy_journal_init=1,nodiscard";

/**
 * Writes an ext4 filesystem with the content of a directory tree into a new sparse file, without a loop device, a
 * mount or root.
 *
 * `sizeMiB` is the size of the filesystem; by default the content, a quarter more, and at least 100 MiB free.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when the content does not fit.
 */
export async function makeExt4(options: {
  readonly tree: RootTree;
  readonly path: string;
  readonly uuid: string;
  readonly sizeMiB?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<void> {
  const { tree, signal } = options;
  const contentBytes = await measureTree(tree, signal);
  const sizeMiB = options.sizeMiB ?? defaultSizeMiB(contentBytes);
  if (sizeMiB > MAX_SIZE_MIB || sizeMiB * MIB < contentBytes) {
    throw new ImageError(
      "IMAGE_BUILD_FAILED",
      `expected a root filesystem of ${Math.ceil(contentBytes / MIB)} to ${MAX_SIZE_MIB} MiB, got ${sizeMiB} MiB`,
      { hint: "Change rootfsMiB. It is the size in the image; a VM's disk may be larger, and the guest grows it." },
    );
  }
  const identity = ["-U", options.uuid, "-E", `${EXTENDED_OPTIONS},hash_seed=${options.uuid}`];
  const blocks = String((sizeMiB * MIB) / BLOCK_BYTES);
  await runTool(
    [...tree.prefix, "mkfs.ext4", "-q", "-F", ...MKFS_OPTIONS, ...identity, "-d", tree.dir, options.path, blocks],
    { signal },
  );
}

/** Content, a quarter more and at least 100 MiB free, in steps of 16 MiB. */
export function defaultSizeMiB(contentBytes: number): number {
  const contentMiB = contentBytes / MIB;
  return Math.ceil(Math.max(contentMiB * 1.25, contentMiB + MIN_FREE_MIB) / SIZE_STEP_MIB) * SIZE_STEP_MIB;
}

/** Bytes that a tree takes in ext4: blocks of files and directories (hard links once) and inodes. */
async function measureTree(tree: RootTree, signal: AbortSignal | undefined): Promise<number> {
  const { stdout } = await runTool([...tree.prefix, "find", tree.dir, "-printf", "%i %y %s\\n"], { signal });
  const sizes = new Map<string, number>();
  for (const line of stdout.split("\n")) {
    const [inode, type, size] = line.split(" ");
    if (inode === undefined || size === undefined) continue;
    const hasBlocks = type === "f" || type === "d" || (type === "l" && Number(size) > 60);
    const blocks = hasBlocks ? Math.max(Math.ceil(Number(size) / BLOCK_BYTES), type === "d" ? 1 : 0) : 0;
    sizes.set(inode, blocks * BLOCK_BYTES + INODE_BYTES);
  }
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}
