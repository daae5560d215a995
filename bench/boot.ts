/** Cold boot to ready, next to the floor in the same run, phase by phase. `node bench/boot.ts [--count 10]` */
import { SmolVM } from "../src/index.ts";
import { BareVM } from "./support/bare-vm.ts";
import { defaultImage, numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";

const count = numberFlag("--count", 10);
const image = await defaultImage();
const floor: number[] = [];
const create: number[] = [];
const start: number[] = [];
const remove: number[] = [];
const phases = new Map<string, number[]>();

printMachine();
await withDataDir(async (dataDir) => {
  for (let round = 0; round < count; round++) {
    // In turns, so that both see the same machine when its speed drifts.
    {
      await using bare = await BareVM.start(image);
      floor.push(bare.readyMs);
    }
    let last = performance.now();
    const lap = (into: number[]): void => {
      into.push(performance.now() - last);
      last = performance.now();
    };
    const vm = await SmolVM.create({ dataDir });
    lap(create);
    await vm.start();
    lap(start);
    await vm.delete();
    lap(remove);
    await vm.close();
    for (const { name, durationMs } of vm.info.startPhases) {
      phases.set(name, [...(phases.get(name) ?? []), durationMs]);
    }
  }
});

printHeading("Cold boot");
printRow("floor: bare QEMU to ready", summarize(floor));
printRow("create()", summarize(create));
printRow("start() to ready", summarize(start));
for (const [name, figures] of phases) printRow(`  ${name}`, summarize(figures));
printRow("delete()", summarize(remove));
const launches = create.map((figure, index) => figure + (start[index] ?? 0));
printRow("create() + start() = launch()", summarize(launches));
const ratios = launches.map((figure, index) => figure / (floor[index] ?? Number.NaN));
console.log(`\nlaunch() / floor, pair by pair: median ${summarize(ratios).p50.toFixed(3)}`);
