/** Warm commands, next to the bare channel in the same run. `node bench/run.ts [--count 500]` */
import { SmolVM } from "../src/index.ts";
import { execFrame, PING_FRAME } from "./support/bare-frames.ts";
import { BareVM } from "./support/bare-vm.ts";
import { defaultImage, numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";

const count = numberFlag("--count", 500);
const OUTPUT_BYTES = 50_000_000;
const SHELL_FRAME = execFrame(["/bin/sh", "-c", "true"]);
const TRUE_FRAME = execFrame(["/bin/true"]);
const figures = {
  barePing: [] as number[],
  bareShell: [] as number[],
  bareTrue: [] as number[],
  shell: [] as number[],
  argv: [] as number[],
};

printMachine();
await withDataDir(async (dataDir) => {
  const image = await defaultImage();
  await using bare = await BareVM.start(image);
  await using vm = await SmolVM.launch({ dataDir });
  for (let warmUp = 0; warmUp < 20; warmUp++) {
    await bare.channel.roundTrip(SHELL_FRAME);
    await vm.run("true");
  }
  for (let round = 0; round < count; round++) {
    figures.barePing.push(await bare.channel.roundTrip(PING_FRAME));
    figures.bareShell.push(await bare.channel.roundTrip(SHELL_FRAME));
    figures.shell.push(await timed(() => vm.run("true")));
    figures.bareTrue.push(await bare.channel.roundTrip(TRUE_FRAME));
    figures.argv.push(await timed(() => vm.run(["/bin/true"])));
  }
  printHeading("Warm commands");
  printRow("bare channel: ping", summarize(figures.barePing));
  printRow('bare channel: exec sh -c "true"', summarize(figures.bareShell));
  printRow('run("true")', summarize(figures.shell));
  printRow("bare channel: exec /bin/true", summarize(figures.bareTrue));
  printRow('run(["/bin/true"])', summarize(figures.argv));
  const ratio = (a: number[], b: number[]): string => (summarize(a).p50 / summarize(b).p50).toFixed(3);
  console.log(`\nrun("true") / bare channel, p50: ${ratio(figures.shell, figures.bareShell)}`);
  console.log(`run(["/bin/true"]) / bare channel, p50: ${ratio(figures.argv, figures.bareTrue)}`);

  const outputMs = await timed(async () => {
    const { stdoutBytes } = await vm.run(["head", "-c", String(OUTPUT_BYTES), "/dev/urandom"]);
    if (stdoutBytes.length !== OUTPUT_BYTES) throw new Error(`${stdoutBytes.length} bytes came`);
  });
  const guestMs = (await vm.run(`head -c ${OUTPUT_BYTES} /dev/urandom > /dev/null`)).durationMs;
  console.log(
    `50 MB of random output: ${outputMs.toFixed(0)} ms, of which the guest makes them in ${guestMs.toFixed(0)} ms`,
  );
});

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
