import { execFileSync } from "node:child_process";
import { cpus, loadavg, totalmem } from "node:os";
import { chooseAccelerator } from "../../src/host/accelerator.ts";

/** Says on what the figures below were measured. */
export function printMachine(): void {
  const [cpu] = cpus();
  const qemu = execFileSync("qemu-system-x86_64", ["--version"], { encoding: "utf8" }).split("\n")[0];
  const memoryGiB = Math.round(totalmem() / 2 ** 30);
  const { accelerator } = chooseAccelerator();
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpu?.model}, ${memoryGiB} GiB, Node ${process.versions.node}`,
  );
  console.log(
    `${qemu}, ${accelerator}; load before the run: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
  );
}
