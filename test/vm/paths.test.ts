import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { SmolVM } from "../../src/index.ts";
import { assertNothingLeft, filesIn } from "../support/data-dir-state.ts";
import { temporaryDir } from "../support/temporary-dir.ts";

describe("a VM works in a data directory", () => {
  test("whose name holds a comma, an equals sign, spaces and unicode, with an id of 63 characters", async (t) => {
    const dataDir = join(temporaryDir(t), "a,b=c d,id=x 'q' \"ü\" %41\\");
    const vmId = "v".repeat(63);
    {
      await using vm = await SmolVM.launch({ dataDir, vmId });
      await vm.run("echo kept > /root/note");
      await vm.stop();
      await vm.start();
      assert.equal((await vm.run("cat /root/note")).stdout, "kept\n");
    }
    await assertNothingLeft(dataDir);
  });

  test("that is too long for sockets: they lie elsewhere, and are removed with the VM", async (t) => {
    const dataDir = join(temporaryDir(t), "long".repeat(25), "longer".repeat(20));
    mkdirSync(dataDir, { recursive: true });
    let socketDir: string;
    {
      await using vm = await SmolVM.launch({ dataDir });
      socketDir = dirname(vm.info.socketPath ?? "");
      assert.ok(!socketDir.startsWith(dataDir));
      assert.equal(statSync(socketDir).mode & 0o777, 0o700);
      assert.ok(readdirSync(socketDir).includes("ch0.sock"));
      assert.deepEqual(filesIn(dataDir, "sockets"), []);
      assert.ok((await vm.run("true")).ok);
    }
    assert.equal(existsSync(socketDir), false);
    await assertNothingLeft(dataDir);
  });

  test("with sockets in a directory of their own", async (t) => {
    const [dataDir, socketDir] = [temporaryDir(t), temporaryDir(t)];
    {
      await using vm = await SmolVM.launch({ dataDir, socketDir });
      assert.ok(vm.info.socketPath?.startsWith(`${socketDir}/smolvm-`));
      // A handle that knows nothing of the socket directory finds it in the state.
      await using again = await SmolVM.fromId(vm.vmId, { dataDir });
      assert.ok((await again.run("true")).ok);
    }
    assert.deepEqual(readdirSync(socketDir), []);
    await assertNothingLeft(dataDir);
  });

  test("that only its owner can enter", async (t) => {
    const dataDir = join(temporaryDir(t), "data");
    await using vm = await SmolVM.launch({ dataDir });
    for (const path of [dataDir, join(dataDir, "disks"), join(dataDir, "vms"), dirname(vm.info.socketPath ?? "")]) {
      assert.equal(statSync(path).mode & 0o777, 0o700, path);
    }
  });
});
