import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { findProgram } from "../../src/host/find-program.ts";
import type { SmolVM } from "../../src/index.ts";
import { freePort, hostForward } from "./host-forward.ts";

/** What the host needs: Debian's `openssh-client`, and tar. */
const PROGRAMS = ["ssh", "scp", "ssh-keygen", "tar"] as const;
/** How the guest is called in command lines of ssh and scp. */
const GUEST = "root@127.0.0.1";

/**
 * sshd in a VM, reached by QEMU's own forwarding of a port: nothing of the library is on the way, so both can be compared.
 * All but `execFresh` goes over one master connection, which is open from the start.
 */
export class SshServer implements AsyncDisposable {
  readonly #dir: string;
  readonly #port: number;

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.#port = port;
  }

  /** What keeps this machine from the comparison, or undefined. */
  static whyNot(): string | undefined {
    const missing = PROGRAMS.filter((name) => findProgram(name) === undefined);
    return missing.length === 0 ? undefined : `not installed on this machine: ${missing.join(", ")}`;
  }

  /** Starts sshd with a fresh key for root, and opens the master connection. */
  static async start(vm: SmolVM): Promise<SshServer> {
    const dir = mkdtempSync(join(tmpdir(), "ssh-"));
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "key")]);
    const started = await vm.run(
      `set -e; umask 077; mkdir -p /run/sshd /root/.ssh; cat > /root/.ssh/authorized_keys; ssh-keygen -A >/dev/null
       /usr/sbin/sshd -o PermitRootLogin=prohibit-password -o MaxSessions=100 -o MaxStartups=100 -o UseDNS=no`,
      { stdin: readFileSync(join(dir, "key.pub")) },
    );
    if (!started.ok) throw new Error(`sshd does not start: ${started.stderr}`);
    const port = await hostForward(vm, 22);
    const server = new SshServer(dir, port);
    await finished("ssh", ["-M", "-N", "-f", ...server.#options("-p"), GUEST]);
    return server;
  }

  /** Runs a command over a connection of its own. */
  async execFresh(command: string): Promise<void> {
    await finished("ssh", ["-o", "ControlPath=none", ...this.#options("-p"), GUEST, command]);
  }

  /** Runs a command over the master connection. */
  async exec(command: string): Promise<void> {
    await finished("ssh", [...this.#options("-p"), GUEST, command]);
  }

  /** Starts a command over the master connection, with pipes. */
  open(command: string): ChildProcessByStdio<Writable, Readable, null> {
    return spawn("ssh", [...this.#options("-p"), GUEST, command], { stdio: ["pipe", "pipe", "inherit"] });
  }

  /** Has ssh forward a free port of this machine to one of the guest's loopback; returns it. */
  async forward(guestPort: number): Promise<number> {
    const hostPort = await freePort();
    const forwarding = `127.0.0.1:${hostPort}:127.0.0.1:${guestPort}`;
    await finished("ssh", ["-O", "forward", "-L", forwarding, ...this.#options("-p"), GUEST]);
    return hostPort;
  }

  /** Runs a line of shell on the host, in which `$SSH` and `$SCP` are the programs with their options, `$GUEST` their target. */
  async shell(line: string): Promise<void> {
    const SSH = ["ssh", ...this.#options("-p"), GUEST].join(" ");
    const SCP = ["scp", "-q", ...this.#options("-P")].join(" ");
    await finished("/bin/sh", ["-c", line], { ...process.env, SSH, SCP, GUEST });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await finished("ssh", ["-q", "-O", "exit", ...this.#options("-p"), GUEST]);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #options(portFlag: "-p" | "-P"): string[] {
    const settings = [
      `ControlPath=${join(this.#dir, "master")}`,
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
      "BatchMode=yes",
      "IdentitiesOnly=yes",
    ];
    const flags = ["-F", "none", "-i", join(this.#dir, "key"), portFlag, String(this.#port)];
    return [...flags, ...settings.flatMap((setting) => ["-o", setting])];
  }
}

async function finished(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], env });
  const [exitCode] = (await once(child, "exit")) as [number | null];
  if (exitCode !== 0) throw new Error(`${[program, ...args].join(" ")} ended with ${exitCode}`);
}
