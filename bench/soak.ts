/** Many commands in one VM: does either side leak memory or descriptors? `node bench/soak.ts [--count 10000]` */
import { readdirSync } from "node:fs";
import { SmolVM } from "../src/index.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";

const count = numberFlag("--count", 10_000);
const AT_ONCE = 8;
const SAMPLES = 10;

printMachine();
await withDataDir(async (dataDir) => {
  await using vm = await SmolVM.launch({ dataDir });
  console.log("\n  runs   agent RSS kB   agent fds   host RSS MiB   host heap MiB   host fds");
  let done = 0;
  await sample(vm, 0);
  for (let part = 0; part < SAMPLES; part++) {
    const until = Math.round((count / SAMPLES) * (part + 1));
    const worker = async (): Promise<void> => {
      while (done < until) {
        const text = String(done++);
        const { stdout } = await vm.run(["/bin/echo", text]);
        if (stdout !== `${text}\n`) throw new Error(`run ${text} answered ${JSON.stringify(stdout)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    await sample(vm, done);
  }
});

async function sample(vm: SmolVM, runs: number): Promise<void> {
  const { stdout } = await vm.run("awk '/VmRSS/ {print $2}' /proc/1/status; ls /proc/1/fd | wc -l");
  const [rss = "", descriptors = ""] = stdout.trim().split("\n");
  globalThis.gc?.();
  const { rss: hostRss, heapUsed } = process.memoryUsage();
  const cells = [
    String(runs).padStart(6),
    rss.padStart(14),
    descriptors.padStart(11),
    (hostRss / 2 ** 20).toFixed(1).padStart(14),
    (heapUsed / 2 ** 20).toFixed(1).padStart(15),
    String(readdirSync("/proc/self/fd").length).padStart(10),
  ];
  console.log(cells.join(""));
}
