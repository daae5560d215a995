import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SmolVM } from "../../src/index.ts";
import { runCli } from "../support/cli.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

describe("the environment of a VM", () => {
  const shared = sharedVM({ memoryMiB: 256, env: { FROM_CREATE: "1" } });
  const print = async (vm = shared.vm): Promise<string> =>
    (await vm.run('echo "${FROM_CREATE-none} ${ADDED-none} ${ODD-none}"')).stdout;

  afterEach(async () => {
    await shared.vm.unsetEnv(...Object.keys(await shared.vm.listEnv()));
  });

  test("is changed at once, is kept over a stop, and ends with unset", async () => {
    const { vm } = shared;
    assert.equal(await print(), "1 none none\n");
    await vm.setEnv({ ADDED: "a", ODD: "two words = 'x' \"y\" $HOME" });
    assert.equal(await print(), "1 a two words = 'x' \"y\" $HOME\n");
    await vm.setEnv("ADDED", "b");
    await vm.unsetEnv("FROM_CREATE", "NEVER_SET");
    assert.equal(await print(), "none b two words = 'x' \"y\" $HOME\n");
    assert.deepEqual(await vm.listEnv(), { ADDED: "b", ODD: "two words = 'x' \"y\" $HOME" });
    assert.deepEqual(vm.info.config.env, await vm.listEnv());
    await vm.stop();
    await vm.setEnv({ FROM_CREATE: "2" });
    await vm.start();
    assert.equal(await print(), "2 b two words = 'x' \"y\" $HOME\n");
    await vm.unsetEnv("FROM_CREATE", "ADDED", "ODD");
    assert.equal(await print(), "none none none\n", "none is what the guest is told, too");
    assert.deepEqual(await vm.listEnv(), {});
  });

  test("is what login shells have, too", async () => {
    await shared.vm.setEnv({ IN_LOGIN: 'it\'s "here"' });
    const { stdout } = await shared.vm.run("env -i /bin/sh -l -c 'echo $IN_LOGIN'");
    assert.equal(stdout, 'it\'s "here"\n');
  });

  test("is refused whole where a part of it is wrong, without a word about values", async () => {
    const { vm } = shared;
    for (const wrong of [{ "A=hush": "x" }, { "": "hush" }, { A: "hush\0" }, { A: 5 as unknown as string }]) {
      await assert.rejects(vm.setEnv({ GOOD: "1", ...wrong }), (error: Error) => {
        assert.equal(error.name, "ValidationError");
        assert.doesNotMatch(error.message, /hush/);
        return true;
      });
    }
    await assert.rejects(vm.unsetEnv("A=hush"), { code: "INVALID_OPTION" });
    await assert.rejects(vm.setEnv({ BIG: "x".repeat(70_000) }), /70\d{3} bytes/);
    await assert.rejects(SmolVM.create({ env: { BIG: "x".repeat(70_000) } }), { code: "INVALID_OPTION" });
    assert.deepEqual(await vm.listEnv(), {});
  });

  test("is the same in record and guest after twenty changes at once from several handles", async () => {
    const handles = await Promise.all(
      Array.from({ length: 4 }, async () => await SmolVM.fromId(shared.vm.vmId, { dataDir: shared.dataDir })),
    );
    try {
      await Promise.all(
        Array.from(
          { length: 20 },
          async (_, index) => await handles[index % 4]?.setEnv({ [`N${index}`]: `${index}`, LAST: `${index}` }),
        ),
      );
      const env = await shared.vm.listEnv();
      assert.equal(Object.keys(env).length, 21);
      const { stdout } = await shared.vm.run("env | grep -E '^(N[0-9]+|LAST)=' | sort");
      assert.deepEqual(
        stdout.trim().split("\n"),
        Object.entries(env)
          .map(([name, value]) => `${name}=${value}`)
          .toSorted(),
      );
    } finally {
      await Promise.all(handles.map((handle) => handle.close()));
    }
  });

  test("is listed and changed by the command line, a secret by stdin", async () => {
    const { vmId } = shared.vm;
    const cli = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await runCli(shared.dataDir, args);
      assert.equal(exitCode, 0, stderr);
      return stdout;
    };
    await cli("env", "set", vmId, "B=two words", "A=1=1");
    assert.equal(await cli("env", vmId), "A=1=1\nB=two words\n");
    const piped = spawnSync(process.execPath, [MAIN, "--data-dir", shared.dataDir, "env", "set", vmId, "TOKEN"], {
      input: "hush\n",
    });
    assert.equal(piped.status, 0, String(piped.stderr));
    assert.equal(await cli("exec", vmId, "--", "printenv", "TOKEN"), "hush\n");
    assert.deepEqual(JSON.parse(await cli("env", "unset", "--json", vmId, "A", "B")), { vmId, names: ["TOKEN"] });
    assert.deepEqual(JSON.parse(await cli("env", "--json", vmId)), { TOKEN: "hush" });
    assert.equal((await runCli(shared.dataDir, ["env", "set", vmId, "=x"])).exitCode, 64);
  });
});
