/** Calls that wake a VM, next to the same calls on one that runs; what both cost. `node bench/idle.ts [--count 20]` */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM } from "../src/index.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { timed } from "./support/timed.ts";

const count = numberFlag("--count", 20);
const IDLE_MS = 300;
const COST_MS = 5_000;
/** proc_pid_stat(5): times are in ticks, of which a second has 100. */
const TICK_MS = 10;

/** Time of CPUs that a process has taken, in milliseconds. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** What a VMM costs that nobody talks to, in percent of one CPU. */
async function costOf(vm: SmolVM): Promise<string> {
  const pid = vm.info.pid ?? 0;
  const before = cpuMs(pid);
  await sleep(COST_MS);
  return `${(((cpuMs(pid) - before) / COST_MS) * 100).toFixed(1)} % of a CPU`;
}

async function untilPaused(vm: SmolVM): Promise<void> {
  while ((await vm.refresh()).status !== "paused") await sleep(20);
}

printMachine();
process.env["SMOLVM_BACKGROUND"] = "off";
await withDataDir(async (dataDir) => {
  await using awake = await SmolVM.launch({ dataDir });
  await using sleeper = await SmolVM.launch({ dataDir, idlePauseMs: IDLE_MS });
  const figures = {
    running: [] as number[],
    rested: [] as number[],
    asleep: [] as number[],
    differences: [] as number[],
  };
  for (let round = 0; round < count; round++) {
    await untilPaused(sleeper);
    // Both have done nothing for the same time: what a processor has forgotten meanwhile is no cost of the waking.
    const rested = await timed(() => awake.run("true"));
    const asleep = await timed(() => sleeper.run("true"));
    figures.rested.push(rested);
    figures.asleep.push(asleep);
    figures.differences.push(asleep - rested);
    figures.running.push(await timed(() => sleeper.run("true")));
  }
  printHeading("A call to its output");
  printRow("on a VM that runs, right after another", summarize(figures.running));
  printRow("on a VM that runs, after a rest", summarize(figures.rested));
  printRow("on a VM that sleeps", summarize(figures.asleep));
  printRow("the waking, pair by pair", summarize(figures.differences));
  console.log(`\nA VM that runs and is idle: ${await costOf(awake)}`);
  await untilPaused(sleeper);
  console.log(`A VM that sleeps: ${await costOf(sleeper)}`);
});
