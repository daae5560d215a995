/** VMs of one template: that they share nothing they may not, and how well they know the time. `node bench/clones.ts [--count 100]` */
import { SmolVM, SmolVMManager } from "../src/index.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { type CloneMarks, readCloneMarks, sharedMarks } from "./support/clone-marks.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";

const count = numberFlag("--count", 100);
const AT_ONCE = 4;
const clones: CloneMarks[] = [];

printMachine();
await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  await manager.warm();
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await using vm = await SmolVM.launch({ dataDir, from: "template" });
      clones.push(await readCloneMarks(vm));
      await vm.delete();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
});

printHeading(`${count} VMs of one template, ${AT_ONCE} at a time`);
printRow("distance of the clocks", summarize(clones.map(({ clockErrorMs }) => Math.abs(clockErrorMs))));
printRow("  known to within", summarize(clones.map(({ clockUncertaintyMs }) => clockUncertaintyMs)));
const shared = sharedMarks(clones);
console.log(shared.length === 0 ? "\nall differ" : `\nnot all differ: ${shared.join(", ")}`);
process.exitCode = shared.length === 0 ? 0 : 1;
