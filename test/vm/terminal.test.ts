import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SmolVM } from "../../src/index.ts";
import { Pty } from "../support/pty.ts";
import { processesNaming } from "../support/data-dir-state.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const skip = Pty.whyNot() ?? false;
/** What full-screen programs write at their start and end. */
const HIDES_CURSOR = "\x1b[?25l";
const ALTERNATE_SCREEN_ENDS = "\x1b[?1049l";

/** The processes of a command line that should be on their way out, once they had the time for it. */
async function leftOf(vm: SmolVM, commandLine: string): Promise<string> {
  let found = "";
  for (let tries = 0; tries < 20; tries++) {
    found = (await vm.run(["pgrep", "-xaf", commandLine])).stdout;
    if (found === "") break;
    await sleep(50);
  }
  return found;
}

describe("openTerminal()", () => {
  const shared = sharedVM({ memoryMiB: 256 });

  test("opens a login shell that knows its size, its user and its terminal", async () => {
    await using terminal = await shared.vm.openTerminal({ columns: 132, rows: 43, env: { PS1: "$ " } });
    await terminal.write("stty size; tty; echo $0 $TERM; id -un; exit 3\n");
    const shown = await terminal.stdout.text();
    assert.match(shown, /^43 132\r$/m);
    assert.match(shown, /^\/dev\/pts\/\d+\r$/m);
    assert.match(shown, /^\/bin\/bash xterm-256color\r$/m);
    assert.match(shown, /^root\r$/m);
    assert.equal((await terminal.exited).exitCode, 3);
  });

  test("is hung up with the program in it, and the program's jobs, at the end of its scope", async () => {
    let pid: number;
    {
      await using terminal = await shared.vm.openTerminal();
      ({ pid } = terminal);
      await terminal.write("sleep 2345 & until pgrep -xf 'sleep 2345'; do :; done; echo bega''n\n");
      for await (const line of terminal.stdout.lines()) if (line.includes("began")) break;
    }
    assert.notEqual((await shared.vm.run(["kill", "-0", String(pid)])).exitCode, 0);
    assert.equal(await leftOf(shared.vm, "sleep 2345"), "", "its jobs are hung up");
  });
});

describe("smolvm shell", { skip }, () => {
  const shared = sharedVM({ memoryMiB: 256 });
  const open = async (...args: string[]): Promise<Pty> =>
    await Pty.start([process.execPath, MAIN, "--data-dir", shared.dataDir, ...args], {
      columns: 100,
      rows: 30,
      env: { NODE_NO_WARNINGS: "1" },
    });

  test("is a terminal: sizes, keys, Ctrl-C, Ctrl-D and the exit code pass", async () => {
    await using pty = await open("shell", shared.vm.vmId);
    await pty.shows(/[#$] /);
    pty.type("stty size\r");
    await pty.shows(/30 100\r\n/);
    pty.resize(120, 50);
    // The shell is told by a signal, so asking at once may be too early.
    pty.type('until [ "$(stty size)" = "50 120" ]; do sleep 0.05; done; echo "now it has 50 rows"\r');
    await pty.shows(/[^"]now it has 50 rows\r\n/);
    // One program, so that it is what Ctrl-C meets as soon as it has spoken.
    pty.type("sh -c 'echo slee\"\"ping; exec sleep 1234'\r");
    await pty.shows(/sleeping\r\n/);
    pty.type("\x03");
    await pty.shows(/\^C[^]*[#$] /);
    pty.type("(exit 5)\r");
    await pty.shows(/exit 5\)\r\n[^]*[#$] /);
    pty.type("\x04");
    assert.deepEqual(await pty.ended(), { exitCode: 5, isRestored: true });
  });

  test("shows a full-screen program, which quits by its key", async () => {
    await using pty = await open("shell", shared.vm.vmId, "--", "top", "-d", "1");
    await pty.shows(HIDES_CURSOR);
    await pty.shows(/load average/);
    await pty.shows(/PID USER/);
    pty.resize(140, 20);
    await pty.shows(/PID USER/);
    pty.type("q");
    assert.deepEqual(await pty.ended(), { exitCode: 0, isRestored: true });
  });

  test("gives the terminal back as it was when it is ended from outside, in the middle of a full screen", async () => {
    for (const [signal, exitCode] of [
      ["SIGTERM", 143],
      ["SIGHUP", 129],
    ] as const) {
      await using pty = await open(
        "shell",
        shared.vm.vmId,
        "--",
        "sh",
        "-c",
        "tput smcup; tput civis; echo drawn; exec sleep 4321",
      );
      await pty.shows(/drawn/);
      const [pid] = processesNaming(`${shared.dataDir}\0shell`);
      process.kill(pid ?? 0, signal);
      await pty.shows(ALTERNATE_SCREEN_ENDS);
      assert.deepEqual(await pty.ended(), { exitCode, isRestored: true });
    }
    assert.equal(await leftOf(shared.vm, "sleep 4321"), "", "the program in the guest has ended with its terminal");
  });

  test("gives the terminal back as it was when the VM goes away", async () => {
    await using vm = await SmolVM.launch({ memoryMiB: 256, dataDir: shared.dataDir });
    await using pty = await open("shell", vm.vmId, "--", "top");
    await pty.shows(/PID USER/);
    process.kill(vm.info.pid ?? 0, "SIGKILL");
    await pty.shows(ALTERNATE_SCREEN_ENDS);
    await pty.shows(/CHANNEL_BROKEN/);
    assert.deepEqual(await pty.ended(), { exitCode: 70, isRestored: true });
  });

  test("is another user's where one is named, and exec -t is the same for a command", async () => {
    await using pty = await open("shell", "-u", "nobody", shared.vm.vmId, "--", "sh", "-c", "id -un; tty; exit 4");
    await pty.shows(/nobody\r\n\/dev\/pts\/\d+\r\n/);
    assert.equal((await pty.ended()).exitCode, 4);
    await using exec = await open(
      "exec",
      "-it",
      shared.vm.vmId,
      "--",
      "sh",
      "-c",
      "stty size; read line; echo got $line",
    );
    await exec.shows(/30 100\r\n/);
    exec.type("keys\r");
    await exec.shows(/got keys\r\n/);
    assert.deepEqual(await exec.ended(), { exitCode: 0, isRestored: true });
  });

  test("a command without -i takes no keys from a terminal", async () => {
    await using pty = await open("exec", shared.vm.vmId, "--", "sh", "-c", "cat; tty; echo over");
    await pty.shows(/not a tty\r\nover\r\n/);
    assert.deepEqual(await pty.ended(), { exitCode: 0, isRestored: true });
  });
});
