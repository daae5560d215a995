/** Cold boots in a row, none of which may fail. `node bench/reliability.ts [--count 50]` */
import { SmolVM } from "../src/index.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";

const count = numberFlag("--count", 50);
const boots: number[] = [];
const failures: string[] = [];

printMachine();
await withDataDir(async (dataDir) => {
  for (let round = 1; round <= count; round++) {
    const started = performance.now();
    try {
      await using vm = await SmolVM.launch({ dataDir });
      const { stdout } = await vm.run("hostname");
      if (stdout.trim() !== vm.vmId) throw new Error(`the guest calls itself ${stdout.trim()}`);
      boots.push(performance.now() - started);
    } catch (error) {
      failures.push(`boot ${round}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
});
printHeading("Cold boot to the first command's output");
printRow("launch() + run()", summarize(boots));
for (const failure of failures) console.log(failure);
console.log(`\n${boots.length} of ${count} boots succeeded`);
process.exitCode = failures.length === 0 ? 0 : 1;
