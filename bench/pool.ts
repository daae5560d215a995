/** From a pool to the first output, next to the bare resume of a VM of the same pool. `node bench/pool.ts [--count 20]` */
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { SmolVM, SmolVMManager } from "../src/index.ts";
import { execFrame } from "./support/bare-frames.ts";
import { resumeBare } from "./support/bare-paused.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { timed } from "./support/timed.ts";

const count = numberFlag("--count", 20);
/** Each round uses one VM for the floor and one for the library. */
const BATCH = 4;
const FIRST = execFrame(["/bin/sh", "-c", "echo hello"]);
const figures = {
  fill: [] as number[],
  floor: [] as number[],
  launch: [] as number[],
  first: [] as number[],
  second: [] as number[],
};
const phases = new Map<string, number[]>();

printMachine();
await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  await manager.warm();
  await manager.pool.set({ size: 2 * BATCH });
  for (let round = 0; round < count; round++) {
    if (round % BATCH === 0) figures.fill.push((await timed(() => manager.pool.fill())) / (2 * BATCH));
    figures.floor.push(await measureFloor(manager, dataDir));
    await measureLaunch(dataDir);
  }
  await manager.pool.set({ size: 0 });
});

printHeading("From a pool");
printRow("floor: bare resume to first output", summarize(figures.floor));
printRow("launch()", summarize(figures.launch));
for (const [name, durations] of phases) printRow(`  ${name}`, summarize(durations));
printRow("launch() to first output", summarize(figures.first));
printRow("the second command", summarize(figures.second));
printRow("making a VM for the pool", summarize(figures.fill));
const ratios = figures.first.map((figure, index) => figure / (figures.floor[index] ?? Number.NaN));
console.log(`\nfirst output / floor, pair by pair: median ${summarize(ratios).p50.toFixed(3)}`);

async function measureLaunch(dataDir: string): Promise<void> {
  const started = performance.now();
  const vm = await SmolVM.launch({ dataDir, from: "pool" });
  figures.launch.push(performance.now() - started);
  await vm.run("echo hello");
  figures.first.push(performance.now() - started);
  figures.second.push(await timed(() => vm.run("echo hello")));
  for (const { name, durationMs } of vm.info.startPhases) {
    phases.set(name, [...(phases.get(name) ?? []), durationMs]);
  }
  await vm.delete();
  await vm.close();
}

/** Takes a waiting VM away from the pool behind its back, and deletes it. */
async function measureFloor(manager: SmolVMManager, dataDir: string): Promise<number> {
  const database = new DatabaseSync(join(dataDir, "smolvm.db"));
  const row = database
    .prepare("SELECT id, socket_dir FROM vms WHERE pool IS NOT NULL ORDER BY created_at LIMIT 1")
    .get();
  database.close();
  if (row === undefined) throw new Error("the pool is empty");
  const socketDir = String(row["socket_dir"]);
  const tookMs = await resumeBare({ qmp: join(socketDir, "qmp.sock"), channel: join(socketDir, "ch0.sock") }, FIRST);
  await manager.delete(String(row["id"]));
  return tookMs;
}
