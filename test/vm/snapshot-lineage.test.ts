import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import type { TestContext } from "node:test";
import { SmolVM, type SmolVMManager } from "../../src/index.ts";
import { assertConsistent, assertNothingLeft } from "../support/data-dir-state.ts";
import { testManager } from "../support/vm-fixture.ts";

const SHAPE = { memoryMiB: 128 } as const;
const MOST_VMS = 3;
const MOST_SNAPSHOTS = 5;
/** `SMOLVM_LINEAGE=SEEDS:STEPS[:SEED]` makes it longer, or runs one seed again. */
const [SEEDS = 10, STEPS = 20, FIRST_SEED = 1] = (process.env["SMOLVM_LINEAGE"] ?? "")
  .split(":")
  .flatMap((text) => (text === "" ? [] : [Number(text)]));

/** What a guest should hold: files by their names, on disk and in memory, and how far its counter had come. */
interface Content {
  readonly disk: ReadonlyMap<string, string>;
  readonly memory: ReadonlyMap<string, string>;
  /** undefined: it has booted anew since, and none counts. */
  readonly count: number | undefined;
}

interface ModelVM {
  readonly vm: SmolVM;
  status: "running" | "paused" | "asleep" | "stopped";
  content: Content;
}

interface ModelSnapshot {
  readonly id: string;
  readonly content: Content;
  readonly includesMemory: boolean;
}

const BOOTED = { memory: new Map<string, string>(), count: undefined };

/** Numbers that a seed determines: mulberry32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** VMs and snapshots, and what is known of them. */
class Lineage {
  readonly vms: ModelVM[] = [];
  readonly snapshots: ModelSnapshot[] = [];
  readonly #manager: SmolVMManager;
  readonly #random: (below: number) => number;
  #written = 0;

  constructor(manager: SmolVMManager, random: (below: number) => number) {
    this.#manager = manager;
    this.#random = random;
  }

  /** Does one thing that can be done now, and tells what. */
  async step(): Promise<string> {
    const possible = [...this.#steps()];
    const [name, act] = possible[this.#random(possible.length)] ?? ["nothing", async () => {}];
    await act();
    return name;
  }

  *#steps(): Generator<readonly [string, () => Promise<void>]> {
    const hasRoom = this.vms.length < MOST_VMS;
    if (this.vms.length === 0) yield ["launch", () => this.#launch()];
    for (const each of this.vms) {
      const { vm, status } = each;
      const isUp = status === "running" || status === "paused";
      if (status === "running") {
        yield ["write", () => this.#write(each)];
        yield ["write", () => this.#write(each)];
        yield ["pause", () => this.#change(each, "paused", () => pauseSynced(vm))];
      }
      if (status === "paused") yield ["resume", () => this.#change(each, "running", () => vm.resume())];
      if (isUp) yield ["sleep", () => this.#change(each, "asleep", () => vm.stop({ keepMemory: true }))];
      if (isUp && hasRoom) yield ["fork", () => this.#fork(each)];
      if (status === "running" || status === "asleep") yield ["boot", () => this.#boot(each)];
      if (status === "asleep") yield ["wake", () => this.#change(each, "running", () => vm.start())];
      if (this.snapshots.length < MOST_SNAPSHOTS) {
        yield ["snapshot", () => this.#snapshot(each, true)];
        if (status === "running") yield ["snapshot of the disk", () => this.#snapshot(each, false)];
      }
      if (this.vms.length > 1) yield ["delete VM", () => this.#delete(each)];
    }
    for (const each of this.snapshots) {
      if (hasRoom) yield ["restore", () => this.#restore(each)];
      if (this.snapshots.length > 2) yield ["delete snapshot", () => this.#deleteSnapshot(each)];
    }
  }

  async #launch(): Promise<void> {
    const vm = await SmolVM.launch({ ...SHAPE, dataDir: this.#manager.dataDir });
    await vm.spawn(
      "i=0; while :; do i=$((i+1)); echo $i > /run/count.new; mv /run/count.new /run/count; sleep 0.2; done",
      {
        detached: true,
      },
    );
    this.vms.push({ vm, status: "running", content: { disk: new Map(), memory: new Map(), count: 0 } });
    await vm.run("until [ -s /run/count ]; do sleep 0.02; done");
  }

  async #write(each: ModelVM): Promise<void> {
    const name = `f${this.#random(6)}`;
    const text = `${++this.#written}`;
    const sizeKiB = 1 + this.#random(2_000);
    const isDisk = this.#random(2) === 0;
    const path = `${isDisk ? "/root/m" : "/dev/shm/m"}/${name}`;
    // The text again and again, so that its digest can be known.
    const script = `mkdir -p $(dirname ${path}); yes ${text} | head -c ${sizeKiB * 1024} > ${path}; sha256sum < ${path}`;
    const { stdout } = await each.vm.run(script);
    const place = isDisk ? "disk" : "memory";
    each.content = { ...each.content, [place]: new Map([...each.content[place], [name, stdout.split(" ")[0] ?? ""]]) };
  }

  async #change(each: ModelVM, status: ModelVM["status"], change: () => Promise<unknown>): Promise<void> {
    await change();
    each.status = status;
  }

  async #boot(each: ModelVM): Promise<void> {
    if (each.status === "running") await each.vm.stop();
    await each.vm.start({ from: "cold" });
    each.status = "running";
    each.content = { ...each.content, ...BOOTED };
  }

  async #snapshot({ vm, status, content }: ModelVM, includeMemory: boolean): Promise<void> {
    const { id, includesMemory } = await vm.snapshot({ includeMemory });
    assert.equal(includesMemory, includeMemory && status !== "stopped");
    this.snapshots.push({ id, includesMemory, content: includesMemory ? content : { ...content, ...BOOTED } });
  }

  async #fork({ vm, content }: ModelVM): Promise<void> {
    const count = 1 + this.#random(MOST_VMS - this.vms.length);
    for (const result of await vm.fork({ count })) {
      if (result.status === "rejected") throw result.reason;
      this.vms.push({ vm: result.value, status: "running", content });
    }
  }

  async #restore({ id, content }: ModelSnapshot): Promise<void> {
    const vm = await SmolVM.fromSnapshot(id, { dataDir: this.#manager.dataDir });
    this.vms.push({ vm, status: "running", content });
  }

  async #delete(each: ModelVM): Promise<void> {
    this.vms.splice(this.vms.indexOf(each), 1);
    await each.vm.delete();
    await each.vm.close();
  }

  async #deleteSnapshot(each: ModelSnapshot): Promise<void> {
    this.snapshots.splice(this.snapshots.indexOf(each), 1);
    await this.#manager.deleteSnapshot(each.id);
  }

  /** Compares a VM that runs with what is known of it. */
  async checkOne(): Promise<void> {
    const running = this.vms.filter(({ status }) => status === "running");
    const each = running[this.#random(Math.max(1, running.length))];
    if (each !== undefined) await check(each);
  }

  /** Compares all of them, those that sleep too, and deletes everything. */
  async end(): Promise<void> {
    for (const each of this.vms) {
      if (each.status === "paused") await each.vm.resume();
      if (each.status === "asleep") await each.vm.start();
      await check(each);
    }
    while (this.snapshots[0] !== undefined) await this.#deleteSnapshot(this.snapshots[0]);
    for (const each of this.vms) await check(each);
    while (this.vms[0] !== undefined) await this.#delete(this.vms[0]);
  }
}

/** A guest that stands still cannot write its files out: put to sleep and booted from its disk, it has those that it had written out. */
async function pauseSynced(vm: SmolVM): Promise<void> {
  await vm.run(["sync"]);
  await vm.pause();
}

async function check(each: ModelVM): Promise<void> {
  const digests = (dir: string): string => `cd ${dir} 2> /dev/null && sha256sum * | sort -k 2; echo --;`;
  const { stdout } = await each.vm.run(`${digests("/root/m")} ${digests("/dev/shm/m")} cat /run/count`);
  const [disk = "", memory = "", count = ""] = stdout.split("--\n");
  const listed = (files: ReadonlyMap<string, string>): string =>
    [...files]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, digest]) => `${digest}  ${name}\n`)
      .join("");
  assert.equal(disk, listed(each.content.disk), "its disk");
  assert.equal(memory, listed(each.content.memory), "its memory");
  const { count: before } = each.content;
  if (before === undefined) return;
  assert.ok(Number(count) >= before, `its process counts on: ${count} after ${before}`);
  each.content = { ...each.content, count: Number(count) };
}

describe("any sequence of writes, snapshots, forks, sleeps and deletions", () => {
  const manager = testManager({ after });
  before(() => manager.warm(SHAPE));
  afterEach(async () => {
    for (const { vmId } of manager.listVms()) await manager.delete(vmId);
    for (const { id } of manager.listSnapshots()) await manager.deleteSnapshot(id);
  });

  for (let index = 0; index < SEEDS; index++) {
    const seed = FIRST_SEED + index;
    test(`keeps what each VM holds, and leaves nothing (${index + 1})`, (t) => follow(t, seed));
  }

  async function follow(t: TestContext, seed: number): Promise<void> {
    const lineage = new Lineage(manager, randomOf(seed));
    const done: string[] = [];
    try {
      for (let step = 0; step < STEPS; step++) {
        done.push(await lineage.step());
        await lineage.checkOne();
      }
      await assertConsistent(manager);
      await lineage.end();
      await assertNothingLeft(manager.dataDir);
    } catch (error) {
      t.diagnostic(`SMOLVM_LINEAGE=1:${STEPS}:${seed} after ${done.join(", ")}`);
      throw error;
    }
  }
});
