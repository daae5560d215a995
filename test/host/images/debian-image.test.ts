import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { resolveImageDir } from "../../../src/host/paths.ts";
import { type BuildProgress, buildDebianImage } from "../../../src/images/debian-image.ts";
import { readExt4Superblock } from "../../../src/images/ext4.ts";
import type { Image } from "../../../src/images/image.ts";
import { ImageStore } from "../../../src/images/image-store.ts";
import { identifyKernel } from "../../../src/images/kernel-file.ts";
import { toolEnvironment } from "../../../src/images/run-tool.ts";

const skip = existsSync("/etc/debian_version") ? false : "the Debian image is built on Debian only";
const store = new ImageStore(resolveImageDir());
let image: Image;

before(
  async () => {
    // An image that an earlier run built of the same recipe is as good as a new one.
    if (!skip) image = await buildDebianImage({ store });
  },
  { timeout: 300_000 },
);

let scratch = "";
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "smolvm-debian-"));
});
after(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const debugfs = (...request: string[]): string =>
  execFileSync("debugfs", ["-R", request.join(" "), image.rootfsPath], {
    encoding: "utf8",
    env: toolEnvironment(),
    stdio: ["ignore", "pipe", "ignore"],
  });

test("the image has a kernel that starts directly, and a clean filesystem under 1 GiB", { skip }, async () => {
  const kind = await identifyKernel(image.kernelPath);
  assert.equal(kind, image.manifest.arch === "x86_64" ? "vmlinux" : "arm64-image");
  const superblock = await readExt4Superblock(image.rootfsPath);
  assert.ok(superblock);
  assert.ok(superblock.sizeBytes < 2 ** 30 && superblock.freeBytes >= 90 * 2 ** 20, JSON.stringify(superblock));
  assert.equal(superblock.blockSizeBytes, 4096);
  execFileSync("e2fsck", ["-fn", image.rootfsPath], { stdio: "ignore", env: toolEnvironment() });
  const { size, blocks } = await stat(image.rootfsPath);
  assert.ok(blocks * 512 < size, "it is sparse");
});

test("the root filesystem has the programs that guests are promised", { skip }, () => {
  for (const path of ["sbin/sshd", "bin/curl", "bin/python3", "bin/ps", "bin/ssh-keygen", "sbin/chpasswd"]) {
    assert.match(debugfs("stat", `/usr/${path}`), /^Inode: \d+/, path);
  }
  assert.match(debugfs("stat", "/usr/bin/ip"), /^Inode: \d+/);
  assert.match(debugfs("stat", "/etc/ssl/certs/ca-certificates.crt"), /Size: \d{6}/);
});

test("nothing of the build host is in the root filesystem, and nothing that VMs must not share", { skip }, async () => {
  assert.doesNotMatch(debugfs("ls", "-p", "/etc/ssh"), /ssh_host_/);
  assert.match(debugfs("stat", "/etc/machine-id"), /Size: 0/);
  assert.match(debugfs("stat", "/etc/resolv.conf"), /Size: 0/);
  assert.equal(debugfs("cat", "/etc/hostname"), "smolvm\n");
  assert.match(debugfs("cat", "/etc/shadow"), /^root:[*!]+:/);
  assert.doesNotMatch(debugfs("ls", "-p", "/etc/apt/apt.conf.d"), /mmdebstrap/);
  assert.doesNotMatch(debugfs("ls", "-p", "/var/lib/apt/lists"), /Packages|InRelease/);
  const [name] = /\d+sources\.list|\w+\.list/.exec(debugfs("ls", "-p", "/etc/apt/sources.list.d")) ?? [];
  const sources =
    debugfs("cat", "/etc/apt/sources.list") + (name ? debugfs("cat", `/etc/apt/sources.list.d/${name}`) : "");
  const suites = sources
    .split("\n")
    .filter((line) => line.startsWith("deb "))
    .map((line) => /(\S+) main/.exec(line)?.[1]);
  const { suite } = image.manifest.source;
  assert.ok(suites.includes(suite));
  for (const one of suites) assert.ok([suite, `${suite}-updates`, `${suite}-security`].includes(one ?? ""), one);
});

test("the initramfs begins with the agent's archive and names modules that it holds", { skip }, async () => {
  const initramfs = await readFile(image.initrdPath);
  assert.equal(initramfs.toString("latin1", 0, 6), "070701");
  const text = initramfs.toString("latin1");
  const list = /(\/lib\/modules\/\S+\.ko\n)+/.exec(text)?.[0].trim().split("\n") ?? [];
  assert.ok(list.some((path) => path.endsWith("/virtio_net.ko")));
  for (const path of list) assert.ok(text.includes(`${path.slice(1)}\0`), path);
});

test("the same recipe is not built twice", { skip }, async () => {
  const events: BuildProgress[] = [];
  const again = await buildDebianImage({ store, onProgress: (event) => events.push(event) });
  assert.equal(again.manifest.id, image.manifest.id);
  assert.deepEqual(events, []);
});

test("an aborted build leaves no process, no mount and no file", { skip, timeout: 120_000 }, async () => {
  const own = new ImageStore(join(scratch, "aborted"));
  const reason = new Error("enough");
  const controller = new AbortController();
  const building = buildDebianImage({
    store: own,
    signal: controller.signal,
    onProgress: ({ message }) => {
      if (message.startsWith("installing essential")) void sleep(500).then(() => controller.abort(reason));
    },
  });
  await assert.rejects(building, reason);
  assert.deepEqual(await own.list(), { images: [], damaged: [] });
  const left = await readdir(own.imageDir, { recursive: true });
  assert.deepEqual(
    left.toSorted((a, b) => a.localeCompare(b)),
    ["locks", "staging"],
  );
  assert.ok(!(await readFile("/proc/self/mountinfo", "utf8")).includes(own.imageDir));
  const processes = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
  assert.ok(!processes.includes(own.imageDir), processes);
});

test(
  "two builds at once do the work once, and a password is in no process's arguments",
  { skip, timeout: 300_000 },
  async () => {
    const own = new ImageStore(join(scratch, "twice"));
    const sshPassword = "correct horse: battery";
    const phases: string[] = [];
    const watching = new AbortController();
    const seen = watchArguments(sshPassword, watching.signal);
    const options = { store: own, name: "with-password", sshPassword, rootfsMiB: 400 };
    const [one, two] = await Promise.all([
      buildDebianImage({ ...options, onProgress: ({ phase }) => phases.push(phase) }),
      buildDebianImage({ ...options, onProgress: ({ phase }) => phases.push(phase) }),
    ]).finally(() => watching.abort());
    assert.equal(one.manifest.id, two.manifest.id);
    assert.equal(phases.filter((phase) => phase === "done").length, 1);
    assert.ok(phases.includes("wait"));
    assert.equal(await seen, false);
    assert.equal((await readExt4Superblock(one.rootfsPath))?.sizeBytes, 400 * 2 ** 20);
    const shadow = execFileSync("debugfs", ["-R", "cat /etc/shadow", one.rootfsPath], {
      encoding: "utf8",
      env: toolEnvironment(),
    });
    assert.match(shadow, /^root:\$y\$/m);
  },
);

async function watchArguments(text: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => ""); // ended meanwhile
      if (line.includes(text)) return true;
    }
    await sleep(20);
  }
  return false;
}
