import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type TrafficListener } from "../../../../src/guest/channel/traffic.ts";
import { IdleWatch } from "../../../../src/manager/idle/idle-watch.ts";
import type { VMActivity } from "../../../../src/manager/idle/vm-activity.ts";

const IDLE_MS = 100;

/** A VM with one channel, whose guest nobody else uses. */
class FakeVM {
  readonly vmId = "vm";
  readonly idlePauseMs: number = IDLE_MS;
  state: VMActivity = "running";
  busyUs = 0;
  pauses = 0;
  wakes = 0;
  questions = 0;
  openCount = 0;
  /** What happens between the last question and the pause. */
  beforePause: () => void = () => {};
  #usedAtMs = performance.now();
  #listener: TrafficListener | undefined;
  readonly #closed = Promise.withResolvers<void>();
  readonly watch: IdleWatch;

  constructor() {
    this.watch = new IdleWatch(this, {
      traffic: this,
      closed: this.#closed.promise,
      listenToTraffic: (listener) => (this.#listener = listener),
      activity: async () => {
        this.questions++;
        const idleMs = this.openCount > 0 ? 0 : performance.now() - this.#usedAtMs;
        return { idleMs, busyUs: this.busyUs };
      },
    });
  }

  activity(): VMActivity {
    return this.state;
  }

  async pause(isIdle: () => Promise<boolean>, isUsed: () => boolean): Promise<void> {
    if (!(await isIdle())) return;
    this.beforePause();
    this.pauses++;
    this.state = "asleep";
    if (isUsed()) this.state = "running";
  }

  async wake(): Promise<void> {
    this.wakes++;
    this.state = "running";
  }

  begin(): void {
    this.#usedAtMs = performance.now();
    if (++this.openCount === 1) queueMicrotask(() => this.#listener?.onBusy());
  }

  end(): void {
    this.#usedAtMs = performance.now();
    if (--this.openCount === 0) this.#listener?.onQuiet();
  }

  close(): void {
    this.#closed.resolve();
  }

  [Symbol.dispose](): void {
    this.watch.end();
  }
}

describe("the watch over an idle VM", () => {
  test("pauses it once it was quiet for long enough, and not before", async () => {
    using vm = new FakeVM();
    await sleep(IDLE_MS * 0.6);
    assert.equal(vm.pauses, 0);
    await sleep(IDLE_MS * 2);
    assert.equal(vm.pauses, 1);
  });

  test("asks nothing while a call is open, and pauses after its end", async () => {
    using vm = new FakeVM();
    vm.begin();
    await sleep(IDLE_MS * 4);
    assert.deepEqual([vm.questions, vm.pauses], [0, 0]);
    vm.end();
    await sleep(IDLE_MS * 3);
    assert.equal(vm.pauses, 1);
  });

  test("leaves a VM alone that is called all the time", async () => {
    using vm = new FakeVM();
    for (let call = 0; call < 30; call++) {
      vm.begin();
      await sleep(10);
      vm.end();
    }
    assert.equal(vm.pauses, 0);
  });

  test("leaves a VM alone whose guest computes, until that ends", async () => {
    using vm = new FakeVM();
    const computing = setInterval(() => (vm.busyUs += 20_000), 20);
    await sleep(IDLE_MS * 4);
    clearInterval(computing);
    assert.equal(vm.pauses, 0);
    await sleep(IDLE_MS * 3);
    assert.equal(vm.pauses, 1);
  });

  test("wakes it for a call that comes while it sleeps, once for many", async () => {
    using vm = new FakeVM();
    await sleep(IDLE_MS * 3);
    assert.equal(vm.state, "asleep");
    vm.begin();
    vm.begin();
    await sleep(1);
    assert.deepEqual([vm.state, vm.wakes], ["running", 1]);
    vm.end();
    vm.end();
    await sleep(IDLE_MS * 3);
    assert.deepEqual([vm.state, vm.pauses], ["asleep", 2]);
  });

  test("does not let a call wait that comes at the moment of the pause", async () => {
    using vm = new FakeVM();
    vm.beforePause = () => vm.begin();
    await sleep(IDLE_MS * 3);
    assert.deepEqual([vm.pauses, vm.state, vm.wakes], [1, "running", 0]);
  });

  test("goes on when others have woken the VM", async () => {
    using vm = new FakeVM();
    await sleep(IDLE_MS * 3);
    vm.state = "running";
    await sleep(IDLE_MS * 3);
    assert.equal(vm.pauses, 2);
  });

  test("neither asks nor wakes a VM that others have paused, and says that it rests", async () => {
    using vm = new FakeVM();
    vm.state = "resting";
    let rests = 0;
    vm.watch.onRest = () => rests++;
    await sleep(IDLE_MS * 4);
    assert.deepEqual([vm.questions, vm.pauses, vm.wakes], [0, 0, 0]);
    assert.ok(rests > 0);
  });

  test("ends with the channel", async () => {
    using vm = new FakeVM();
    vm.close();
    await sleep(IDLE_MS * 3);
    assert.deepEqual([vm.questions, vm.pauses], [0, 0]);
  });
});
