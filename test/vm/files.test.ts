import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { GuestFileError, SmolVM, type SmolVMError, SmolVMManager } from "../../src/index.ts";
import { filesConformance } from "../conformance/guest/files-conformance.ts";
import type { FilesSubject } from "../conformance/guest/files-subject.ts";
import { treesConformance } from "../conformance/guest/trees-conformance.ts";
import { temporaryDir } from "../support/temporary-dir.ts";
import { sharedVM, testDataDir } from "../support/vm-fixture.ts";

describe("a real guest", () => {
  const shared = sharedVM({ diskMiB: 4_096 });
  const subject: FilesSubject = {
    // A channel each: the suite closes what it gets.
    connect: async () => {
      const own = new SmolVMManager({ dataDir: shared.dataDir });
      const channel = await own.channel(shared.vm.vmId);
      void channel.closed.then(() => own.close());
      return channel;
    },
    directory: () => "/root",
    bulkBytes: 20_000_000,
  };
  filesConformance("a real guest", subject);
  treesConformance("a real guest", subject);

  test("gives what its own programs see", async () => {
    const { vm } = shared;
    await vm.files.write("/root/script", "#!/bin/sh\necho from the script\n", { mode: 0o755 });
    assert.equal((await vm.run(["/root/script"])).stdout, "from the script\n");
    await vm.run("mkdir /root/made && echo text > /root/made/file && mknod /root/made/device c 1 3");
    assert.deepEqual(
      (await vm.files.list("/root/made")).map(({ name, type }) => [name, type]),
      [
        ["device", "character-device"],
        ["file", "file"],
      ],
    );
    assert.equal(await vm.files.exists("/root/made/none"), false);
    await vm.files.write("/root/made/owned", "x", { owner: "nobody" });
    assert.equal((await vm.run("stat -c %U:%G /root/made/owned")).stdout, "nobody:nogroup\n");
  });

  test("gives a large file to the byte, while a command runs", async (t) => {
    const { vm } = shared;
    const path = join(temporaryDir(t), "large");
    const running = vm.run(
      "dd if=/dev/urandom of=/root/large bs=1M count=40 2>/dev/null; sha256sum /root/large; sleep 2",
    );
    await vm.run('while [ "$(stat -c %s /root/large 2>/dev/null)" != 41943040 ]; do sleep 0.05; done; sleep 0.1');
    const started = performance.now();
    await vm.files.download("/root/large", path);
    t.diagnostic(`download: ${(41.94 / ((performance.now() - started) / 1_000)).toFixed(0)} MB/s`);
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    const digest = hash.digest("hex");
    assert.equal((await running).stdout.split(" ")[0], digest);
    const again = performance.now();
    await vm.files.upload(path, "/root/again");
    t.diagnostic(`upload: ${(41.94 / ((performance.now() - again) / 1_000)).toFixed(0)} MB/s`);
    assert.equal((await vm.run("sha256sum /root/again; rm /root/again /root/large")).stdout.split(" ")[0], digest);
  });

  test("keeps holes: a sparse file takes no room on either side", async (t) => {
    const { vm } = shared;
    const path = join(temporaryDir(t), "sparse");
    await vm.run("truncate -s 3G /root/sparse && echo end >> /root/sparse");
    const { bytes } = await vm.files.download("/root/sparse", path);
    assert.ok(bytes < 100_000, `${bytes} bytes came`);
    const stats = statSync(path);
    assert.ok(stats.size === 3 * 2 ** 30 + 4 && stats.blocks * 512 < 200_000);
    await vm.run("rm /root/sparse");
    writeFileSync(path, "start");
    truncateSync(path, 100_000_000);
    await vm.files.upload(path, "/root/sparse");
    assert.equal((await vm.files.stat("/root/sparse")).size, 100_000_000);
    const kib = Number((await vm.run("du -k /root/sparse | cut -f1")).stdout);
    assert.ok(kib < 200, `${kib} KiB on the guest's disk`);
  });

  test("that plants links and odd names leads nothing out of the directory", async (t) => {
    const { vm } = shared;
    const directory = temporaryDir(t);
    await vm.run(`mkdir -p /root/bad/inner && cd /root/bad && ln -s /etc/passwd absolute && ln -s ../../../../etc up &&
      ln -s inner/../../.. sneaky && ln -s . fine && ln -s inner also-fine && printf x > "$(printf 'new\\nline')" &&
      printf x > '-rf' && mkfifo pipe && chmod u+s,o+w -- -rf && mkdir -- '~' && printf x > "$(printf '\\377')"`);
    const { skipped } = await vm.files.download("/root/bad", join(directory, "bad"));
    assert.deepEqual(skipped.map(({ path }) => path).toSorted(), ["absolute", "sneaky", "up"]);
    assert.equal(readdirSync(join(directory, "bad"), { encoding: "buffer" }).length, 7);
    assert.deepEqual(readdirSync(directory), ["bad"]);
    assert.equal(statSync(join(directory, "bad/-rf")).mode & 0o6000, 0);
  });

  test("says NO_SPACE where there is none, and leaves nothing half-made", async (t) => {
    const { vm } = shared;
    await vm.run("mkdir /root/small && mount -t tmpfs -o size=2m none /root/small");
    await vm.files.write("/root/small/kept", "old");
    const large = Buffer.alloc(4_000_000, "x");
    const noSpace = (error: unknown): boolean => error instanceof GuestFileError && error.code === "NO_SPACE";
    await assert.rejects(vm.files.write("/root/small/kept", large), noSpace);
    const path = join(temporaryDir(t), "large");
    writeFileSync(path, large);
    await assert.rejects(vm.files.upload(path, "/root/small/large"), noSpace);
    assert.deepEqual(
      (await vm.files.list("/root/small")).map(({ name }) => name),
      ["kept"],
    );
    assert.equal(await vm.files.readText("/root/small/kept"), "old");
    await vm.run("mount -o remount,ro /root/small");
    await assert.rejects(vm.files.write("/root/small/new", "x"), { code: "PERMISSION_DENIED", errno: "EROFS" });
    await vm.run("umount /root/small");
  });
});

describe("a VM that goes away", () => {
  test("in the middle of streams ends them with CHANNEL_BROKEN, and leaves no half file on the host", async (t) => {
    const dataDir = testDataDir(t);
    await using vm = await SmolVM.launch({ dataDir });
    const target = temporaryDir(t);
    await vm.run("truncate -s 100M /root/zeros; head -c 60000000 /dev/zero | tr '\\000' x > /root/large");
    const seen = Promise.withResolvers<void>();
    const download = vm.files.download("/root/large", join(target, "large"), { onProgress: () => seen.resolve() });
    const reader = vm.files.readStream("/root/large").getReader();
    const writer = vm.files.writeStream("/root/new").getWriter();
    await Promise.all([seen.promise, reader.read(), writer.write("begun")]);
    const isBroken = (error: SmolVMError): boolean => error.code === "CHANNEL_BROKEN";
    const ends = [
      assert.rejects(download, isBroken),
      assert.rejects(async () => {
        while (!(await reader.read()).done) continue;
      }, isBroken),
      assert.rejects(writer.closed, isBroken),
    ];
    await vm.stop({ timeoutMs: 1 });
    await Promise.all(ends);
    assert.deepEqual(readdirSync(target), []);
    await assert.rejects(vm.files.read("/etc/hostname"), { name: "CommandExecutionUnavailableError" });
  });
});
