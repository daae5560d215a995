import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { SmolVMManager } from "../../src/index.ts";

/** The pids of other processes whose command line holds `text`; a data directory's path finds its VMMs and clients. */
export function processesNaming(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => readOrEmpty(`/proc/${name}/cmdline`).includes(text))
    .map(Number);
}

/** Asserts that a data directory has no VM in any form: process, file, socket, record. */
export async function assertNothingLeft(dataDir: string): Promise<void> {
  await assertNoProcess(dataDir);
  for (const folder of ["disks", "vms", "sockets"])
    assert.deepEqual(filesIn(dataDir, folder), [], `${folder} is empty`);
  assert.deepEqual(layersIn(dataDir), [], "layers is empty");
  if (!existsSync(join(dataDir, "smolvm.db"))) return;
  await using manager = new SmolVMManager({ dataDir });
  assert.deepEqual(manager.listVms(), []);
  assert.deepEqual(manager.listSnapshots(), []);
  assert.deepEqual(rowsOf(dataDir, "SELECT id FROM layers"), [], "no layer is left");
}

/** Asserts that no process works in this data directory; one that was just killed may take a moment to go. */
export async function assertNoProcess(dataDir: string): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (processesNaming(dataDir).length > 0 && performance.now() < deadline) await sleep(20);
  assert.deepEqual(processesNaming(dataDir), [], "no process is left");
}

/**
 * Asserts that records, files and processes of a data directory agree: each VM that is at rest has its files and no
 * process, each that runs has one, and nothing belongs to no VM.
 */
export async function assertConsistent(manager: SmolVMManager): Promise<void> {
  for (const { vmId, status } of manager.listVms()) assert.ok(status !== "error", `${vmId} is in error`);
  const pids = rowsOf(manager.dataDir, "SELECT pid FROM vms WHERE pid IS NOT NULL").map(Number);
  const isVmm = (pid: number): boolean => readOrEmpty(`/proc/${pid}/cmdline`).includes("qemu-system-");
  const byNumber = (a: number, b: number): number => a - b;
  assert.deepEqual(
    processesNaming(`${manager.dataDir}/`).filter(isVmm).toSorted(byNumber),
    pids.toSorted(byNumber),
    "VMMs",
  );
  const homes = rowsOf(manager.dataDir, "SELECT home FROM vms").toSorted();
  assert.deepEqual(filesIn(manager.dataDir, "vms").toSorted(), homes, "folders of VMs");
  assert.deepEqual(
    filesIn(manager.dataDir, "disks").toSorted(),
    rowsOf(
      manager.dataDir,
      "SELECT disk_path AS name FROM vms UNION SELECT disk_path FROM layers WHERE disk_path IS NOT NULL",
    )
      .map((path) => basename(path))
      .toSorted(),
    "disks",
  );
  assert.deepEqual(
    layersIn(manager.dataDir).toSorted(),
    rowsOf(manager.dataDir, "SELECT id FROM layers WHERE json_extract(manifest, '$.memory') IS NOT NULL").toSorted(),
    "saved memory",
  );
  assert.deepEqual(
    rowsOf(manager.dataDir, "SELECT id FROM layers WHERE maker_pid IS NOT NULL"),
    [],
    "layers half-made",
  );
  for (const name of filesIn(manager.dataDir, "sockets")) assert.ok(homes.includes(name), `sockets of ${name}`);
}

/** What a data directory holds of saved memory. */
function layersIn(dataDir: string): string[] {
  const claims = filesIn(dataDir, "layers/.locks");
  return [...filesIn(dataDir, "layers").filter((name) => name !== ".locks"), ...claims];
}

/** The first column of what a query of a data directory's state finds. */
function rowsOf(dataDir: string, sql: string): string[] {
  const database = new DatabaseSync(join(dataDir, "smolvm.db"), { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all()
      .map((row) => String(Object.values(row)[0]));
  } finally {
    database.close();
  }
}

/** The names in a folder of a data directory; none where there is no such folder. */
export function filesIn(dataDir: string, folder: string): string[] {
  const path = join(dataDir, folder);
  return existsSync(path) ? readdirSync(path) : [];
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // it has ended in the meantime
  }
}
