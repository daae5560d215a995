/** Whole processes of the built command line, next to what they cannot do without. `node bench/cli.ts [--count 20]` */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { build } from "../scripts/support/build.ts";
import { SmolVM, SmolVMManager } from "../src/index.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { inTurns, timed } from "./support/timed.ts";

const PROGRAM = join(import.meta.dirname, "../dist/cli/main.js");
const count = numberFlag("--count", 20);

await build();
printMachine();
const figures = await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  await manager.warm();
  const smolvm =
    (...args: readonly string[]): (() => Promise<number>) =>
    () =>
      timed(() => node(PROGRAM, "--data-dir", dataDir, ...args));
  const ways = {
    "floor: node -e 0": () => timed(() => node("-e", "0")),
    "smolvm --version": smolvm("--version"),
    "smolvm ls": smolvm("ls"),
    "in this process: launch, run, delete": () => launchAndRun(dataDir, (vm) => vm.delete()),
    "smolvm run --rm -- true": smolvm("run", "--rm", "--", "true"),
    "in this process: launch, run, stop": () => launchAndRun(dataDir, (vm) => vm.stop()),
    "smolvm run -- true": async () => {
      const durationMs = await smolvm("run", "--", "true")();
      // What is kept is not left for `ls` to list.
      for (const { vmId } of manager.listVms()) await manager.delete(vmId);
      return durationMs;
    },
  };
  // The first start of each compiles its code, and keeps that for those after it.
  await inTurns(1, ways);
  return await inTurns(count, ways);
});

printHeading("Whole processes of the command line");
for (const [name, durations = []] of Object.entries(figures)) printRow(name, summarize(durations));

async function launchAndRun(dataDir: string, end: (vm: SmolVM) => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await using vm = await SmolVM.launch({ dataDir, from: "template" });
  await vm.run(["true"]);
  await end(vm);
  return performance.now() - started;
}

async function node(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const [exitCode] = (await once(child, "exit")) as [number | null];
  if (exitCode !== 0) throw new Error(`node ${args.join(" ")} ended with ${exitCode}`);
}
