/**
 * Changed memory of a process: copying it while it stands still, writing it out, and making a flat file of it, each next to
 * the plain copy of as many bytes. `node bench/memory.ts [--count 10] [--directory /tmp]`
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MemoryRegion } from "../src/process/memory-region.ts";
import { captureMemory, prepareCapture } from "../src/snapshots/memory/capture-memory.ts";
import { composeMemory } from "../src/snapshots/memory/compose-memory.ts";
import { extentsPath, writeExtents } from "../src/snapshots/memory/extents.ts";
import { compileMemoryHolder, MemoryHolder } from "../test/host/memory-holder.ts";
import { numberFlag } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { timed } from "./support/timed.ts";

const MIB = 2 ** 20;
const PAGE_BYTES = 4096;
const SIZE_BYTES = 512 * MIB;
const BASE_BYTES = 86e6;
/** Changed places, as many as a guest that has run some commands has. */
const RUNS = 400;

const count = numberFlag("--count", 10);
const position = process.argv.indexOf("--directory");
const directory = mkdtempSync(
  join(position < 0 ? tmpdir() : (process.argv[position + 1] ?? tmpdir()), "bench-memory-"),
);
const basePath = join(directory, "base");

printMachine();
try {
  const program = compileMemoryHolder(directory);
  await makeBase();
  for (const changedBytes of [25e6, 100e6]) {
    await using holder = await MemoryHolder.start(program, SIZE_BYTES, basePath);
    await holder.look(0, Math.ceil(BASE_BYTES / PAGE_BYTES));
    await change(holder, changedBytes);
    await measure(holder.region, changedBytes);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(region: MemoryRegion, changedBytes: number): Promise<void> {
  const figures = {
    floor: [] as number[],
    cold: [] as number[],
    prepare: [] as number[],
    warm: [] as number[],
    write: [] as number[],
    writeAgain: [] as number[],
    floorCompose: [] as number[],
    compose: [] as number[],
  };
  const pagesPath = join(directory, "pages");
  for (let round = 0; round < count; round++) {
    figures.floor.push(await timed(async () => readInOneGo(region, changedBytes)));
    figures.cold.push(
      await timed(async () => await (await captureMemory(region, { hasBase: true, directory })).discard()),
    );
    const prepareStarted = performance.now();
    await using prepared = await prepareCapture(region, { directory });
    figures.prepare.push(performance.now() - prepareStarted);
    const captureStarted = performance.now();
    await using captured = await prepared.capture({ hasBase: true });
    figures.warm.push(performance.now() - captureStarted);
    figures.write.push(await timed(() => captured.write(pagesPath, { parents: [] })));
    figures.writeAgain.push(await timed(() => captured.write(join(directory, "child"), { parents: [pagesPath] })));
    const targetPath = join(directory, "flat");
    figures.floorCompose.push(
      await timed(async () => copyInOneGo(BASE_BYTES + changedBytes, join(directory, "floor"))),
    );
    figures.compose.push(
      await timed(() => composeMemory({ targetPath, sizeBytes: SIZE_BYTES, basePath, pages: [pagesPath] })),
    );
    await Promise.all([targetPath, extentsPath(targetPath), join(directory, "floor")].map((path) => rm(path)));
  }
  printHeading(`${changedBytes / 1e6} MB changed in ${RUNS} places of ${SIZE_BYTES / MIB} MiB`);
  printRow("floor: one read of as much memory", summarize(figures.floor));
  printRow("captureMemory()", summarize(figures.cold));
  printRow("prepareCapture(), before the pause", summarize(figures.prepare));
  printRow("capture() after it: the pause", summarize(figures.warm));
  printRow("write()", summarize(figures.write));
  printRow("write() over the same as parent", summarize(figures.writeAgain));
  printRow("floor: as much to a new file", summarize(figures.floorCompose));
  printRow(`composeMemory(), base ${BASE_BYTES / 1e6} MB`, summarize(figures.compose));
  const ratio = (a: number[], b: number[]): string => (summarize(a).p50 / summarize(b).p50).toFixed(2);
  console.log(
    `capture / floor, p50: ${ratio(figures.warm, figures.floor)} (unprepared ${ratio(figures.cold, figures.floor)})`,
  );
  console.log(`compose / floor, p50: ${ratio(figures.compose, figures.floorCompose)}`);
}

/** A base with its data in as many places as a booted guest's. */
async function makeBase(): Promise<void> {
  await writeFile(basePath, "");
  await truncate(basePath, SIZE_BYTES);
  const file = openSync(basePath, "r+");
  const piece = Buffer.alloc(Math.floor(BASE_BYTES / 250 / PAGE_BYTES) * PAGE_BYTES, "base");
  for (let index = 0; index < 250; index++) writeSync(file, piece, 0, piece.length, index * 2 * MIB);
  closeSync(file);
  await writeExtents(basePath);
}

/** Changes long and short runs of pages, spread over the memory. */
async function change(holder: MemoryHolder, bytes: number): Promise<void> {
  const pages = Math.floor(bytes / PAGE_BYTES);
  const small = 2;
  const large = Math.floor((pages - (RUNS - RUNS / 8) * small) / (RUNS / 8));
  const stride = Math.floor(SIZE_BYTES / PAGE_BYTES / (RUNS / 8));
  for (let index = 0; index < RUNS / 8; index++) {
    await holder.data(index * stride, large, index);
    for (let other = 1; other < 8; other++) await holder.data(index * stride + large + other * 4, small, index);
  }
}

function readInOneGo({ pid, address }: MemoryRegion, bytes: number): void {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const length = Math.floor(bytes / PAGE_BYTES) * PAGE_BYTES;
  const buffer = Buffer.allocUnsafeSlow(length);
  if (readSync(memory, buffer, 0, length, Number(address)) !== length) throw new Error("the read was short");
  closeSync(memory);
  buffer.buffer.transfer(0);
}

function copyInOneGo(bytes: number, path: string): void {
  const source = openSync(basePath, "r");
  const target = openSync(path, "wx");
  const buffer = Buffer.allocUnsafeSlow(MIB);
  for (let done = 0; done < bytes; done += MIB) {
    readSync(source, buffer, 0, MIB, done % BASE_BYTES);
    writeSync(target, buffer, 0, MIB);
  }
  closeSync(source);
  closeSync(target);
}
