import childProcess from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { DatabaseSync, StatementSync } from "node:sqlite";

type Method = (...args: never[]) => unknown;

const kill = process.kill.bind(process);
let left = Number.POSITIVE_INFINITY;

/** Ends this process by KILL right before its `count`th change of the machine: of a file, of the state, of a process. */
export function crashAt(count: number): void {
  left = count;
  install();
}

function point(): void {
  left--;
  if (left > 0) return;
  kill(process.pid, "SIGKILL");
  // The signal is on its way; nothing more may happen.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function install(): void {
  for (const name of ["mkdirSync", "rmSync", "openSync", "renameSync", "linkSync"] as const) wrap(fs, name);
  for (const name of ["open", "mkdir", "rm", "rename", "chmod", "writeFile"] as const) wrap(fs.promises, name);
  // What the VMM is told to do.
  wrap(Socket.prototype, "write", (text) => typeof text === "string" && text.startsWith('{"execute"'));
  wrap(childProcess, "spawn");
  wrap(process, "kill");
  wrap(StatementSync.prototype, "run");
  wrap(DatabaseSync.prototype, "exec");
  syncBuiltinESMExports();
}

function wrap<T extends object>(owner: T, name: keyof T, isChange: (argument: unknown) => boolean = () => true): void {
  const original = owner[name] as Method;
  const wrapped = function (this: unknown, ...args: never[]): unknown {
    if (isChange(args[0])) point();
    return original.apply(this, args);
  };
  Object.assign(owner, { [name]: wrapped });
}
