/** From a template to the first output, next to a bare restore of the same template. `node bench/launch.ts [--count 20]` */
import { join } from "node:path";
import { SmolVM, SmolVMManager } from "../src/index.ts";
import { TemplateStore } from "../src/templates/template-store.ts";
import { execFrame } from "./support/bare-frames.ts";
import { BareRestore } from "./support/bare-restore.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { timed } from "./support/timed.ts";

const count = numberFlag("--count", 20);
const FIRST = ["/bin/sh", "-c", "echo hello"];
const figures = {
  floor: [] as number[],
  launch: [] as number[],
  first: [] as number[],
  second: [] as number[],
  remove: [] as number[],
};
const phases = new Map<string, number[]>();
let warmMs = 0;

printMachine();
await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  warmMs = await timed(() => manager.warm());
  const [template] = new TemplateStore(join(dataDir, "templates")).list();
  if (template === undefined) throw new Error("there is no template");
  for (let round = 0; round < count; round++) {
    const started = performance.now();
    const vm = await SmolVM.launch({ dataDir, from: "template" });
    figures.launch.push(performance.now() - started);
    await vm.run("echo hello");
    figures.first.push(performance.now() - started);
    figures.second.push(await timed(() => vm.run("echo hello")));
    for (const { name, durationMs } of vm.info.startPhases) {
      phases.set(name, [...(phases.get(name) ?? []), durationMs]);
    }
    const { config, network, accelerator } = vm.info;
    figures.remove.push(await timed(() => vm.delete()));
    await vm.close();
    const bareStarted = performance.now();
    await using bare = await BareRestore.start(template, config, network, accelerator ?? "tcg");
    await bare.channel.roundTrip(execFrame(FIRST));
    figures.floor.push(performance.now() - bareStarted);
  }
});

printHeading(`From a template, which took ${warmMs.toFixed(0)} ms to make`);
printRow("floor: bare restore to first output", summarize(figures.floor));
printRow("launch()", summarize(figures.launch));
for (const [name, durations] of phases) printRow(`  ${name}`, summarize(durations));
printRow("launch() to first output", summarize(figures.first));
printRow("the second command", summarize(figures.second));
printRow("delete()", summarize(figures.remove));
const ratios = figures.first.map((figure, index) => figure / (figures.floor[index] ?? Number.NaN));
console.log(`\nfirst output / floor, pair by pair: median ${summarize(ratios).p50.toFixed(3)}`);
