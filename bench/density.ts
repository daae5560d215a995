/** Many VMs of one template, idle: memory and CPU of each. `node bench/density.ts [--count 100]` */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, SmolVMManager } from "../src/index.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { timed } from "./support/timed.ts";

const count = numberFlag("--count", 100);
const IDLE_MS = 20_000;
const TICKS_PER_SECOND = 100;

/** Proportional set size in KiB, see proc_pid_smaps(5). */
const pssOf = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);

/** Time of CPUs in ticks, see proc_pid_stat(5). */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

printMachine();
const launches: number[] = [];
await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  await manager.warm();
  const vms: SmolVM[] = [];
  try {
    for (let made = 0; made < count; made++) {
      launches.push(
        await timed(async () => {
          const vm = await SmolVM.launch({ dataDir, from: "template" });
          vms.push(vm);
          await vm.run(["/bin/true"]);
        }),
      );
    }
    const pids = vms.map(({ info }) => info.pid ?? 0);
    await sleep(5_000);
    const before = pids.map(ticksOf);
    await sleep(IDLE_MS);
    const percents = pids.map(
      (pid, index) => ((ticksOf(pid) - (before[index] ?? 0)) / TICKS_PER_SECOND / (IDLE_MS / 1000)) * 100,
    );
    const pss = summarize(pids.map((pid) => pssOf(pid) / 1024));
    const cpu = summarize(percents);
    printHeading(`${count} VMs alive`);
    printRow("launch() to first output", summarize(launches));
    console.log(`\nPSS of each: ${pss.p50.toFixed(1)} MiB (p50), ${pss.max.toFixed(1)} MiB (max)`);
    console.log(`idle, of a core each: ${cpu.p50.toFixed(2)} % (p50), ${cpu.max.toFixed(2)} % (max)`);
  } finally {
    for (const vm of vms) {
      await vm.delete();
      await vm.close();
    }
  }
});
