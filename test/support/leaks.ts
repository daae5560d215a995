import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "../../src/host/find-program.ts";

/** A killed process may take a moment to go. */
const GRACE_MS = 3_000;
const LOOK_AGAIN_MS = 100;

/** What of ours the machine holds, by name: network devices and firewall tables. */
export interface HostInventory {
  readonly devices: readonly string[];
  readonly tables: readonly string[];
}

/** Looks for network devices `smol*` and firewall tables `smolvm*`. */
export async function takeInventory(): Promise<HostInventory> {
  const devices = await readdir("/sys/class/net").catch(() => []);
  return { devices: devices.filter((name) => name.startsWith("smol")), tables: await firewallTables() };
}

/**
 * What the tests left behind: processes that name `folder` in their command line or environment, files in `folder`, and
 * devices and tables that were not there `before` (other programs on this machine may use SmolVM too).
 */
export async function findLeaks(folder: string, before: HostInventory): Promise<string[]> {
  const deadline = performance.now() + GRACE_MS;
  for (;;) {
    const leaks = [...(await processes(folder)), ...(await files(folder)), ...(await hostThings(before))];
    if (leaks.length === 0 || performance.now() > deadline) return leaks;
    // Nothing announces the end of a process that is not our child.
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Ends the processes that tests left behind, so that a failed run does not burden the machine. */
export async function endLeftProcesses(folder: string): Promise<void> {
  for (const { pid } of await findProcesses(folder)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  }
}

async function hostThings(before: HostInventory): Promise<string[]> {
  const now = await takeInventory();
  return [
    ...now.devices.filter((name) => !before.devices.includes(name)).map((name) => `network device ${name}`),
    ...now.tables.filter((name) => !before.tables.includes(name)).map((name) => `firewall table ${name}`),
  ];
}

async function processes(folder: string): Promise<string[]> {
  return (await findProcesses(folder)).map(({ pid, commandLine }) => `process ${pid}: ${commandLine.slice(0, 200)}`);
}

async function findProcesses(folder: string): Promise<{ readonly pid: number; readonly commandLine: string }[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [commandLine, environment] = await Promise.all([
        read(`/proc/${pid}/cmdline`),
        read(`/proc/${pid}/environ`),
      ]);
      const isOurs = commandLine.includes(folder) || environment.includes(folder);
      return isOurs && pid !== process.pid ? [{ pid, commandLine: commandLine.replaceAll("\0", " ") }] : [];
    }),
  );
  return found.flat();
}

async function read(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => ""); // gone, or not ours to read
}

async function files(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).map((name) => `file ${folder}/${name}`);
}

async function firewallTables(): Promise<string[]> {
  if (process.getuid?.() !== 0 || findProgram("nft") === undefined) return [];
  const { stdout } = await promisify(execFile)("nft", ["list", "tables"]).catch(() => ({ stdout: "" }));
  return stdout.split("\n").filter((line) => /^table \S+ smolvm/.test(line));
}
