import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { acquireLock } from "../../../src/process/claim-lock.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "smolvm-lock-"));
});
after(async () => {
  await rm(dir, { recursive: true, force: true });
});

test("a lock has one holder at a time, and leaves no file", async () => {
  const path = join(dir, "locks/one");
  let holders = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    await using _lock = await acquireLock(path);
    most = Math.max(most, ++holders);
    await sleep(5);
    holders--;
  };
  await Promise.all([work(), work(), work()]);
  assert.equal(most, 1);
  assert.deepEqual(await readdir(join(dir, "locks")), []);
});

test("waiting for a lock ends when the signal fires, with its reason", async () => {
  const path = join(dir, "aborted");
  await using _lock = await acquireLock(path);
  const reason = new Error("enough");
  let waitsFor = 0;
  const controller = new AbortController();
  const waiting = acquireLock(path, {
    signal: controller.signal,
    onWait: ({ pid }) => {
      waitsFor = pid;
      controller.abort(reason);
    },
  });
  await assert.rejects(waiting, reason);
  assert.equal(waitsFor, process.pid);
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith("aborted")).length,
    1,
    "the holder's own claim is there, and no other",
  );
});

test("the lock of a dead process is taken over by exactly one", async () => {
  const path = join(dir, "dead");
  await writeFile(`${path}.1-2.claim`, JSON.stringify({ pid: process.pid, birth: "another boot:1" }));
  let holders = 0;
  const work = async (): Promise<void> => {
    await using _lock = await acquireLock(path);
    assert.equal(++holders, 1);
    await sleep(5);
    holders--;
  };
  await Promise.all(Array.from({ length: 12 }, work));
});

test("a lock file that nobody can have written counts as free", async () => {
  for (const content of ["", "{", "null", "[]"]) {
    const path = join(dir, "broken");
    await writeFile(`${path}.1-2.claim`, content);
    await using _lock = await acquireLock(path, { signal: AbortSignal.timeout(2_000) });
  }
});

test("another process waits for the lock, and takes it when its holder is killed", async () => {
  const path = join(dir, "killed");
  const module = new URL("../../../src/process/claim-lock.ts", import.meta.url).href;
  const script = `import { acquireLock } from ${JSON.stringify(module)};
    await acquireLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  try {
    await once(child.stdout, "data");
    await using _lock = await acquireLock(path, {
      signal: AbortSignal.timeout(10_000),
      onWait: ({ pid }) => {
        assert.equal(pid, child.pid);
        child.kill("SIGKILL");
      },
    });
    assert.equal(child.killed, true);
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
});
