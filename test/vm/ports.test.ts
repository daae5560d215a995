import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVM, SmolVMManager } from "../../src/index.ts";
import { ask, clientOf, readAll, wasReset } from "../support/tcp-client.ts";
import { sharedVM, testDataDir } from "../support/vm-fixture.ts";

const BULK_BYTES = 50_000_000;

/** A server in Perl, which every Debian has: what `body` does with each connection `$c`. */
const server = (address: string, port: number, body: string): string[] => {
  const listener = `IO::Socket::IP->new(LocalAddr => "${address}", LocalPort => ${port}, Listen => 50, ReuseAddr => 1)`;
  const loop = `while (my $c = $s->accept) { if (fork) { close $c; next } binmode $c; ${body}; exit 0 }`;
  return ["perl", "-MIO::Socket::IP", "-e", `$SIG{CHLD} = "IGNORE"; my $s = ${listener} or die $@; ${loop}`];
};

/** Counts the sockets of the agent. */
const AGENTS_SOCKETS = "ls -l /proc/1/fd | grep -c socket:";

/** Starts it and goes on; it ends with the VM. */
async function serve(vm: SmolVM, address: string, port: number, body: string): Promise<void> {
  await vm.run(`${server(address, port, body).map(quoted).join(" ")} >/dev/null 2>&1 &`);
  await vm.waitForPort(port, { timeoutMs: 30_000 });
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
const ECHO =
  "while (sysread $c, my $b, 65536) { my $at = 0; $at += syswrite $c, $b, length($b) - $at, $at while $at < length $b }";

describe("exposed ports of a VM without a network", () => {
  const shared = sharedVM({ network: "none" });

  test("serve HTTP of a server on the guest's loopback", async () => {
    const { vm } = shared;
    await vm.run("mkdir -p /srv/web && echo 'hello from the guest' > /srv/web/index.html");
    await vm.run("cd /srv/web && python3 -m http.server 8000 --bind 127.0.0.1 >/dev/null 2>&1 &");
    await vm.waitForPort(8_000, { timeoutMs: 60_000 });
    await using web = await vm.exposePort(8_000);
    const answers = await Promise.all(Array.from({ length: 10 }, async () => await (await fetch(web.url)).text()));
    assert.deepEqual(new Set(answers), new Set(["hello from the guest\n"]));
    assert.equal(await vm.exposePort(8_000), web);
    await assert.rejects(vm.exposePort(8_000, { hostPort: web.hostPort + 1 }), { code: "PORT_IN_USE" });
    await vm.unexposePort(8_000);
    await assert.rejects(fetch(web.url));
  });

  test("reach a server that listens on ::1 alone", async () => {
    const { vm } = shared;
    await serve(vm, "::1", 8_006, 'syswrite $c, "six"');
    await using forward = await vm.exposePort(8_006);
    assert.equal(await ask(forward), "six");
  });

  test("carry 50 MB each way, exactly, and each direction ends on its own", async (t) => {
    const { vm } = shared;
    // Reads to the end first, and answers with what it read: the client must be able to end one direction.
    const body =
      "my @all; while (sysread $c, my $b, 65536) { push @all, $b } for (@all) { my $at = 0; $at += syswrite $c, $_, length($_) - $at, $at while $at < length $_ }";
    await serve(vm, "127.0.0.1", 8_001, body);
    await using forward = await vm.exposePort(8_001);
    const sent = randomBytes(BULK_BYTES);
    const client = await clientOf(forward);
    const started = performance.now();
    client.end(sent);
    const received = await readAll(client);
    t.diagnostic(`${((2 * BULK_BYTES) / 1e3 / (performance.now() - started)).toFixed(1)} MB/s in turns`);
    assert.equal(received.length, BULK_BYTES);
    assert.equal(sha256(received), sha256(sent));
  });

  test("hold the guest's server back whose client does not read, and stay out of the way of commands", async () => {
    const { vm } = shared;
    await serve(
      vm,
      "127.0.0.1",
      8_002,
      'my $b = "x" x 65536; for (1 .. 500) { my $at = 0; $at += syswrite $c, $b, 65536 - $at, $at while $at < 65536 }',
    );
    await using forward = await vm.exposePort(8_002);
    const client = await clientOf(forward);
    client.pause();
    await sleep(1_500);
    const before = performance.now();
    assert.equal((await vm.run("echo here")).stdout, "here\n");
    assert.ok(performance.now() - before < 2_000);
    assert.equal((await readAll(client)).length, 500 * 65_536);
    client.end();
  });

  test("are reset where nobody listens, and waiting for such a port ends at its deadline", async () => {
    const { vm } = shared;
    await using forward = await vm.exposePort(8_003);
    await assert.rejects(ask(forward), wasReset);
    await assert.rejects(vm.waitForPort(8_003, { timeoutMs: 300 }), {
      name: "OperationTimeoutError",
      message: "nothing in the guest listened on port 8003 within 300 ms",
    });
    await serve(vm, "127.0.0.1", 8_003, 'syswrite $c, "up"');
    assert.equal(await ask(forward), "up");
  });

  test("take a hundred connections at once and leave no socket in the guest", async (t) => {
    const { vm } = shared;
    await serve(vm, "127.0.0.1", 8_004, ECHO);
    const before = (await vm.run(AGENTS_SOCKETS)).stdout;
    await using forward = await vm.exposePort(8_004);
    const echo = async (text: string): Promise<void> => {
      assert.equal(await ask(forward, text), text);
    };
    await Promise.all(Array.from({ length: 100 }, (_, count) => echo(`number ${count}`)));
    const started = performance.now();
    for (let count = 0; count < 50; count++) await echo(`then ${count}`);
    t.diagnostic(`${((performance.now() - started) / 50).toFixed(1)} ms for a connection with an echo`);
    assert.equal((await vm.run(AGENTS_SOCKETS)).stdout, before);
  });
});

describe("an exposed port", () => {
  test("is reset with its VM, works again after a restart by somebody else, and ends with stop()", async (t) => {
    const dataDir = testDataDir(t);
    await using vm = await SmolVM.launch({ dataDir });
    const answer = 'syswrite $c, "here"; sysread $c, my $b, 1';
    await serve(vm, "127.0.0.1", 8_080, answer);
    const forward = await vm.exposePort(8_080);
    const cut = await clientOf(forward);
    await using manager = new SmolVMManager({ dataDir });
    const ended = assert.rejects(readAll(cut), wasReset);
    await manager.stop(vm.vmId);
    await ended;
    await assert.rejects(ask(forward), wasReset);
    await assert.rejects(vm.exposePort(8_081), { name: "CommandExecutionUnavailableError", code: "INVALID_STATE" });
    await manager.start(vm.vmId);
    await serve(vm, "127.0.0.1", 8_080, answer);
    assert.equal(await ask(forward), "here");
    await vm.stop();
    await assert.rejects(clientOf(forward), { code: "ECONNREFUSED" });
  });
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
