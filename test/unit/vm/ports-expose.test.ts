import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { InvalidStateError, NetworkError, SmolVMError, ValidationError } from "../../../src/errors/smolvm-error.ts";
import { GuestChannel } from "../../../src/guest/index.ts";
import { FrameType, Method, Status, Tag } from "../../../src/guest/protocol/frame-types.ts";
import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { listen } from "../../../src/vm/ports/listen.ts";
import { VMPorts } from "../../../src/vm/ports/vm-ports.ts";
import { waitForPort } from "../../../src/vm/ports/wait-for-port.ts";
import { ScriptedGuest } from "../guest/scripted-guest.ts";

interface Scripted {
  readonly guest: ScriptedGuest;
  readonly connect: () => Promise<GuestChannel>;
  readonly ports: VMPorts;
}

async function portsOfScript(t: TestContext): Promise<Scripted> {
  const guest = await ScriptedGuest.start();
  const channel = await GuestChannel.connect(guest.socketPath);
  const connect = async (): Promise<GuestChannel> => channel;
  const ports = new VMPorts(connect);
  t.after(async () => {
    await ports.close();
    await channel.close();
    await guest[Symbol.asyncDispose]();
  });
  return { guest, connect, ports };
}

describe("exposing a port", () => {
  test("refuses what is no port, no address of this machine, or no option, by name", async (t) => {
    const { ports } = await portsOfScript(t);
    const wrong: readonly (readonly [port: unknown, options: object, message: RegExp])[] = [
      [0, {}, /^guestPort must be a whole number from 1 to 65535, got 0/],
      [65_536, {}, /^guestPort .* got 65536/],
      [80.5, {}, /^guestPort .* got 80\.5/],
      ["80", {}, /^guestPort .* got "80"/],
      [80, { hostPort: -1 }, /^hostPort must be a whole number from 0 to 65535, got -1/],
      [80, { hostPort: "8080" }, /^hostPort .* got "8080"/],
      [80, { hostAddress: "localhost" }, /^hostAddress must be an IP address of this machine, got "localhost"/],
      [80, { hostAddress: 1 }, /^hostAddress .* got 1/],
      [80, { port: 8080 }, /^exposePort\(\) has no option "port"/],
    ];
    for (const [port, options, message] of wrong) {
      await assert.rejects(ports.expose(port as number, options), (error: unknown) => {
        assert.ok(error instanceof ValidationError && error.code === "INVALID_OPTION");
        assert.match(error.message, message);
        return true;
      });
    }
    await assert.rejects(ports.expose(80, { hostAddress: "192.0.2.1" }), { code: "NETWORK_UNAVAILABLE" });
  });

  test("on a port of the host that is taken says so, and may be tried again", async (t) => {
    const { ports } = await portsOfScript(t);
    const server = createServer();
    const hostPort = await listen(server, { hostAddress: "127.0.0.1", hostPort: 0 });
    await assert.rejects(ports.expose(80, { hostPort }), (error: unknown) => {
      assert.ok(error instanceof NetworkError && error.code === "PORT_IN_USE");
      assert.equal(error.message, `another program listens on port ${hostPort} of 127.0.0.1 already`);
      return true;
    });
    await new Promise((resolve) => server.close(resolve));
    assert.equal((await ports.expose(80, { hostPort })).hostPort, hostPort);
  });

  test("twice is the same forward where the options agree, also at once, and an error where they do not", async (t) => {
    const { ports } = await portsOfScript(t);
    const [first, second] = await Promise.all([ports.expose(80, {}), ports.expose(80, {})]);
    assert.equal(first, second);
    assert.equal(await ports.expose(80, { hostPort: first.hostPort, hostAddress: "127.0.0.1" }), first);
    const other = first.hostPort === 65_535 ? 65_534 : first.hostPort + 1;
    await assert.rejects(ports.expose(80, { hostPort: other }), {
      code: "PORT_IN_USE",
      message: `port 80 of the guest is exposed at 127.0.0.1, port ${first.hostPort} already, not at 127.0.0.1, port ${other}`,
    });
    await assert.rejects(ports.expose(80, { hostAddress: "0.0.0.0" }), { code: "PORT_IN_USE" });
    assert.notEqual((await ports.expose(81, {})).hostPort, first.hostPort);
    await first.close();
    assert.notEqual(await ports.expose(80, {}), first);
  });

  test("ends with unexpose, which may be called again, and with the handle", async (t) => {
    const { ports } = await portsOfScript(t);
    const forward = await ports.expose(80, {});
    const other = await ports.expose(81, {});
    await ports.unexpose(80);
    await ports.unexpose(80);
    await ports.unexpose(79);
    assert.deepEqual([forward.isOpen, other.isOpen], [false, true]);
    const late = assert.rejects(ports.expose(82, {}), InvalidStateError);
    await ports.close();
    await late;
    assert.equal(other.isOpen, false);
  });

  test("of a VM that cannot be reached fails at once, and so does one whose signal has fired", async () => {
    const ports = new VMPorts(async () => {
      throw new SmolVMError("CHANNEL_BROKEN", "no VM");
    });
    await assert.rejects(ports.expose(80, {}), { code: "CHANNEL_BROKEN" });
    const reason = new Error("enough");
    await assert.rejects(ports.expose(80, { signal: AbortSignal.abort(reason) }), reason);
  });

  test("does not keep a program alive", async (t) => {
    const guest = await ScriptedGuest.start();
    t.after(() => guest[Symbol.asyncDispose]());
    const source = (path: string): string => JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href);
    const program = `
      import { GuestChannel } from ${source("guest/index.ts")};
      import { VMPorts } from ${source("vm/ports/vm-ports.ts")};
      const channel = await GuestChannel.connect(${JSON.stringify(guest.socketPath)});
      console.log((await new VMPorts(async () => channel).expose(80, {})).url);
    `;
    const args = ["--input-type=module-typescript", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 });
    assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\n$/);
  });
});

describe("waiting for a port", () => {
  test("is one request, which the guest answers when it is time", async (t) => {
    const { guest, connect } = await portsOfScript(t);
    const waiting = waitForPort(connect, 8080, {});
    const [request] = await guest.seen(FrameType.REQUEST);
    const fields = new FieldReader(request!.payload);
    assert.deepEqual([fields.u32(Tag.METHOD), fields.u32(Tag.PORT)], [Method.WAIT_PORT, 8_080]);
    guest.result(request!.id, Status.OK);
    await waiting;
    assert.equal(guest.frames.length, 2);
  });

  test("ends at its deadline and by its signal, and is cancelled in the guest", async (t) => {
    const { guest, connect } = await portsOfScript(t);
    await assert.rejects(waitForPort(connect, 8080, { timeoutMs: 30 }), {
      name: "OperationTimeoutError",
      message: "nothing in the guest listened on port 8080 within 30 ms",
      hint: /ss -tln/,
    });
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 10);
    await assert.rejects(waitForPort(connect, 8080, { signal: controller.signal }), reason);
    await guest.seen(FrameType.CANCEL, 2);
  });

  test("refuses what is no port, no time, or no option", async (t) => {
    const { connect } = await portsOfScript(t);
    await assert.rejects(waitForPort(connect, 0, {}), /^ValidationError: port must be a whole number from 1/);
    await assert.rejects(waitForPort(connect, 80, { timeoutMs: 0 }), ValidationError);
    await assert.rejects(waitForPort(connect, 80, { timeout: 1 } as never), /waitForPort\(\) has no option "timeout"/);
  });
});
