/** Forks, snapshots and hibernation, next to a bare restore of the template. `node bench/snapshots.ts [--count 10]` */
import { join } from "node:path";
import { SmolVM, SmolVMManager } from "../src/index.ts";
import type { Template } from "../src/templates/template.ts";
import { TemplateStore } from "../src/templates/template-store.ts";
import { execFrame } from "./support/bare-frames.ts";
import { BareRestore } from "./support/bare-restore.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { printMachine } from "./support/machine.ts";
import { printHeading, printRow, summarize } from "./support/statistics.ts";
import { timed } from "./support/timed.ts";

const MIB = 1024 * 1024;
const count = numberFlag("--count", 10);
const FIRST = ["/bin/sh", "-c", "echo hello"];
const figures = new Map<string, number[]>();
const sizes: string[] = [];

const add = (name: string, figure: number): void => {
  figures.set(name, [...(figures.get(name) ?? []), figure]);
};

/** Makes so much of the guest's memory differ from the template's. */
const change = async (vm: SmolVM, mib: number): Promise<void> => {
  await vm.run(["dd", "if=/dev/urandom", "of=/dev/shm/changed", "bs=1M", `count=${mib}`]);
};

const firstOutput = async (vm: SmolVM): Promise<void> => {
  const { stdout } = await vm.run("echo hello");
  if (stdout !== "hello\n") throw new Error(`the VM said ${JSON.stringify(stdout)}`);
};

printMachine();
await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  await manager.warm();
  const [template] = new TemplateStore(join(dataDir, "templates")).list();
  if (template === undefined) throw new Error("there is no template");
  await measureForks(dataDir, manager, template);
  await measureSnapshots(dataDir, manager);
  await measureHibernation(dataDir);
});

printHeading("Saved and continued");
for (const [name, values] of figures) printRow(name, summarize(values));
console.log(`\n${sizes.join("; ")}`);
const floor = summarize(figures.get("floor: bare restore to first output") ?? []).p50;
const child = summarize(figures.get("fork(): child to first output") ?? []).p50;
console.log(`child to first output / floor: ${(child / floor).toFixed(2)}`);

async function measureForks(dataDir: string, manager: SmolVMManager, template: Template): Promise<void> {
  await using vm = await SmolVM.launch({ dataDir });
  await change(vm, 15);
  for (let round = 0; round < count; round++) {
    const { config, network, accelerator } = vm.info;
    {
      const started = performance.now();
      await using bare = await BareRestore.start(template, config, network, accelerator ?? "tcg");
      await bare.channel.roundTrip(execFrame(FIRST));
      add("floor: bare restore to first output", performance.now() - started);
    }
    {
      await using source = await manager.openFork(vm.vmId, {});
      add("fork(): the source stands still", source.pauseMs);
      const [child] = source.children;
      if (child === undefined) throw new Error("a fork has a child");
      const started = performance.now();
      const { vmId } = await manager.launchFrom(child, source.origin, {});
      const handle = await SmolVM.fromId(vmId, { dataDir });
      await handle.run("echo hello");
      add("fork(): child to first output", performance.now() - started);
      await handle.delete();
      await handle.close();
    }
    const started = performance.now();
    const forks = await vm.fork({ count: 10 });
    const children = forks.map((fork) => {
      if (fork.status === "rejected") throw fork.reason;
      return fork.value;
    });
    await Promise.all(children.map(firstOutput));
    add("10 forks, all answered", performance.now() - started);
    for (const child of children) {
      await child.delete();
      await child.close();
    }
  }
}

async function measureSnapshots(dataDir: string, manager: SmolVMManager): Promise<void> {
  for (let round = 0; round < count; round++) {
    await using vm = await SmolVM.launch({ dataDir });
    await change(vm, 90);
    const first = await vm.snapshot();
    add("snapshot(), some 100 MB: stands still", first.pauseMs);
    await change(vm, 8);
    let increment: typeof first | undefined;
    add("a second one, whole call", await timed(async () => (increment = await vm.snapshot())));
    if (increment === undefined) throw new Error("unreachable");
    add("a second one: stands still", increment.pauseMs);
    if (round === 0) {
      sizes.push(`the first stores ${(first.sizeBytes / MIB).toFixed(1)} MiB`);
      sizes.push(`the second, after 8 MiB were written, ${(increment.sizeBytes / MIB).toFixed(1)} MiB`);
    }
    for (const name of ["fromSnapshot(), first time", "fromSnapshot(), second time"]) {
      const started = performance.now();
      await using copy = await SmolVM.fromSnapshot(first.id, { dataDir });
      await firstOutput(copy);
      add(name, performance.now() - started);
    }
    for (const { id } of [first, increment]) await manager.deleteSnapshot(id);
  }
}

async function measureHibernation(dataDir: string): Promise<void> {
  await using vm = await SmolVM.launch({ dataDir });
  await change(vm, 15);
  for (let round = 0; round < count; round++) {
    add("stop({ keepMemory })", await timed(() => vm.stop({ keepMemory: true })));
    add("start() to first output", await timed(async () => firstOutput(await vm.start())));
  }
}
