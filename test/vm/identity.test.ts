import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type CloneMarks, readCloneMarks, sharedMarks } from "../../bench/support/clone-marks.ts";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { assertNothingLeft } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";

const COUNT = 8;
const AT_ONCE = 4;
const MAX_CLOCK_ERROR_MS = 50;

describe("VMs of one template", () => {
  const clones: CloneMarks[] = [];
  const vms: SmolVM[] = [];
  before(async () => {
    await using manager = new SmolVMManager({ dataDir });
    await manager.warm();
    while (vms.length < COUNT) {
      const starts = Array.from({ length: AT_ONCE }, () => SmolVM.launch({ dataDir, from: "template" }));
      vms.push(...(await Promise.all(starts)));
    }
    // One at a time, so that a round trip tells the time.
    for (const vm of vms) clones.push(await readCloneMarks(vm));
  });
  after(async () => {
    for (const vm of vms) await vm[Symbol.asyncDispose]();
    await assertNothingLeft(dataDir);
  });
  const dataDir = temporaryDir({ after }, "v-");

  test("share no randomness, no key and no name", () => {
    assert.deepEqual(sharedMarks(clones), []);
    assert.equal(clones.length, COUNT);
    for (const { marks } of clones) {
      assert.match(marks.get("32 bytes of /dev/urandom") ?? "", /^[\da-f]{64}$/);
      assert.match(marks.get("machine id") ?? "", /^[\da-f]{32}$/);
      assert.match(marks.get("hardware address") ?? "", /^[\da-f]{2}(:[\da-f]{2}){5}$/);
      // What the private half says of itself.
      assert.equal(marks.get("host key"), marks.get("public host key"));
      assert.match(marks.get("host key") ?? "", /^AAAAC3NzaC1lZDI1NTE5AAAA/);
    }
  });

  test("know the time", () => {
    for (const { clockErrorMs, clockUncertaintyMs } of clones) {
      assert.ok(
        Math.abs(clockErrorMs) < MAX_CLOCK_ERROR_MS + clockUncertaintyMs,
        `${clockErrorMs} ± ${clockUncertaintyMs}`,
      );
    }
  });

  test("have the host key, which its owner alone can read, as the only one, and keep it", async () => {
    const vm = vms[0]!;
    const script = "cd /etc/ssh; stat -c '%a %n' ssh_host_*; cat ssh_host_ed25519_key.pub";
    const { stdout } = await vm.run(script);
    assert.match(stdout, /^600 ssh_host_ed25519_key\n644 ssh_host_ed25519_key\.pub\nssh-ed25519 /);
    await vm.run("touch /etc/ssh/ssh_host_rsa_key; sync");
    await vm.stop();
    await vm.start();
    const later = await vm.run(script);
    assert.equal(later.stdout, stdout.replace("\nssh-ed25519", "\n644 ssh_host_rsa_key\nssh-ed25519"));
  });
});
