import { identifyProcess } from "../src/process/process-identity.ts";
import { formatDuration } from "./support/steps.ts";
import { runMain } from "./support/run-main.ts";
import { setUp } from "./support/set-up.ts";

const COMMAND = "uname -a";

// One plain line instead of Node's own form of a warning.
process.removeAllListeners("warning");
process.on("warning", ({ message }) => print("note", message));

await runMain(async () => {
  await setUp(["run", "image"]);
  // The built package, as a program that depends on it would load it.
  const { SmolVM } = await import("smolvm");

  console.log("\nBooting a VM");
  const vm = await SmolVM.launch();
  const pid = vm.info.pid;
  try {
    for (const phase of vm.info.startPhases) print(phase.name, formatDuration(phase.durationMs));
    print("accelerator", vm.info.accelerator ?? "unknown");

    console.log(`\nRunning \`${COMMAND}\` in it`);
    const result = await vm.run(COMMAND);
    process.stdout.write(`\n${result.output.trimEnd()}\n\n`);
    print("exit code", String(result.exitCode));
    print("time", formatDuration(result.durationMs));
  } finally {
    console.log("\nDeleting it");
    const started = performance.now();
    await vm.delete();
    await vm.close();
    print("deleted", formatDuration(performance.now() - started));
  }
  if (pid !== null && identifyProcess(pid) !== undefined) throw new Error(`the VMM still runs as process ${pid}`);
  console.log("\nNothing is left running.");
});

function print(name: string, value: string): void {
  console.log(`  ${name.padEnd(18)} ${value}`);
}
