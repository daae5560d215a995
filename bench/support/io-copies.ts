import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SmolVM } from "../../src/index.ts";
import { readFrame, writeFrame } from "./bare-frames.ts";
import { printComparison, printComparisonHeading } from "./comparison.ts";
import type { Rivals } from "./io-commands.ts";
import { inTurns, timed } from "./timed.ts";

const MIB = 2 ** 20;
const FILE_IN_GUEST = "/root/bench-file";
const TREE_IN_GUEST = "/root/bench-tree";
const TREE_FILES = 2_000;
const FILES_PER_DIRECTORY = 50;
const TREE_FILE_BYTES = 2_048;

/** Files of these sizes, in KiB, and how often each is copied. */
export type CopySizes = readonly (readonly [kib: number, times: number])[];

/** Files and a tree, to the guest and back. */
export async function compareCopies(vm: SmolVM, rivals: Rivals, sizes: CopySizes, treeTimes: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "copies-"));
  try {
    printComparisonHeading("Files");
    for (const [kib, times] of sizes) await compareFile(vm, rivals, dir, kib * 1_024, times);
    await compareTree(vm, rivals, dir, treeTimes);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function compareFile(vm: SmolVM, rivals: Rivals, dir: string, sizeBytes: number, times: number): Promise<void> {
  const { bare, ssh } = rivals;
  const from = join(dir, "file");
  const to = join(dir, "back");
  const bytes = randomBytes(sizeBytes);
  writeFileSync(from, bytes);
  const size = sizeBytes < MIB ? `${sizeBytes / 1_024} KiB` : `${sizeBytes / MIB} MiB`;
  const amount = { count: sizeBytes / 1e6, unit: "MB" } as const;

  const up = await inTurns(times, {
    floor: () => bare.send(writeFrame(FILE_IN_GUEST), bytes),
    ours: () => timed(() => vm.files.upload(from, FILE_IN_GUEST)),
    memory: () => timed(() => vm.files.write(FILE_IN_GUEST, bytes)),
    scp: ssh && (() => timed(() => ssh.shell(`exec $SCP ${from} $GUEST:${FILE_IN_GUEST}`))),
    cat: ssh && (() => timed(() => ssh.shell(`exec $SSH 'cat > ${FILE_IN_GUEST}' < ${from}`))),
  });
  const upBySsh = { scp: up.scp, cat: up.cat };
  printComparison({ name: `upload() of ${size}`, ...up, ssh: upBySsh, amount });
  printComparison({ name: `write() of ${size}`, ...up, ours: up.memory, ssh: upBySsh, amount });

  const down = await inTurns(times, {
    floor: () => bare.roundTrip(readFrame(FILE_IN_GUEST)),
    ours: () => timed(() => vm.files.download(FILE_IN_GUEST, to)),
    memory: () => timed(() => vm.files.read(FILE_IN_GUEST, { maxBytes: sizeBytes })),
    scp: ssh && (() => timed(() => ssh.shell(`exec $SCP $GUEST:${FILE_IN_GUEST} ${to}`))),
    cat: ssh && (() => timed(() => ssh.shell(`exec $SSH 'cat ${FILE_IN_GUEST}' > ${to}`))),
  });
  const downBySsh = { scp: down.scp, cat: down.cat };
  printComparison({ name: `download() of ${size}`, ...down, ssh: downBySsh, amount });
  printComparison({ name: `read() of ${size}`, ...down, ours: down.memory, ssh: downBySsh, amount });
  await vm.files.remove(FILE_IN_GUEST);
}

/**
 * Many small files; by ssh a tar goes through it, the fastest way it has. The floor of the way back is a copy on this machine: its
 * filesystem takes most of the time.
 */
async function compareTree(vm: SmolVM, { ssh }: Rivals, dir: string, times: number): Promise<void> {
  const from = join(dir, "tree");
  const to = join(dir, "tree-back");
  for (let index = 0; index < TREE_FILES; index++) {
    const folder = join(from, `directory-${Math.floor(index / FILES_PER_DIRECTORY)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file-${index}`), randomBytes(TREE_FILE_BYTES));
  }
  const amount = { count: TREE_FILES, unit: "files" } as const;
  const fresh = async (): Promise<void> => void (await vm.run(["rm", "-rf", TREE_IN_GUEST]));
  const freshHere = (): void => {
    rmSync(to, { recursive: true, force: true });
    mkdirSync(to);
  };

  const up = await inTurns(times, {
    ours: async () => (await fresh(), await timed(() => vm.files.upload(from, TREE_IN_GUEST))),
    tar:
      ssh &&
      (async () => {
        await fresh();
        const unpack = `mkdir ${TREE_IN_GUEST} && tar -xf - -C ${TREE_IN_GUEST}`;
        return await timed(() => ssh.shell(`tar -cf - -C ${from} . | $SSH '${unpack}'`));
      }),
  });
  const name = `${TREE_FILES} files of ${TREE_FILE_BYTES / 1_024} KiB`;
  printComparison({ name: `upload() of ${name}`, ours: up.ours, ssh: { tar: up.tar }, amount });

  const down = await inTurns(times, {
    floor: async () => (freshHere(), await timed(async () => cpSync(from, to, { recursive: true }))),
    ours: async () => (freshHere(), await timed(() => vm.files.download(TREE_IN_GUEST, to))),
    tar:
      ssh &&
      (async () => {
        freshHere();
        return await timed(() => ssh.shell(`$SSH 'tar -cf - -C ${TREE_IN_GUEST} .' | tar -xf - -C ${to}`));
      }),
  });
  printComparison({
    name: `download() of ${name}`,
    floor: down.floor,
    ours: down.ours,
    ssh: { tar: down.tar },
    amount,
  });
}
