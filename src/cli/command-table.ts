import type { Command } from "commander";

/** Adds a command to the program. */
export type Register = (program: Command) => void;

/** Every command, in the order of the help, and what loads its code: a start pays for the command that it runs, and for no other. */
export const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ["run", async () => (await import("./commands/run.ts")).registerRun],
  ["create", async () => (await import("./commands/create.ts")).registerCreate],
  ["start", async () => (await import("./commands/start.ts")).registerStart],
  ["stop", async () => (await import("./commands/stop.ts")).registerStop],
  ["pause", async () => (await import("./commands/pause.ts")).registerPause],
  ["resume", async () => (await import("./commands/resume.ts")).registerResume],
  ["fork", async () => (await import("./commands/fork.ts")).registerFork],
  ["snapshot", async () => (await import("./commands/snapshot.ts")).registerSnapshot],
  ["rm", async () => (await import("./commands/rm.ts")).registerRm],
  ["ls", async () => (await import("./commands/ls.ts")).registerLs],
  ["inspect", async () => (await import("./commands/inspect.ts")).registerInspect],
  ["exec", async () => (await import("./commands/exec.ts")).registerExec],
  ["shell", async () => (await import("./commands/shell.ts")).registerShell],
  ["ps", async () => (await import("./commands/ps.ts")).registerPs],
  ["attach", async () => (await import("./commands/attach.ts")).registerAttach],
  ["kill", async () => (await import("./commands/kill.ts")).registerKill],
  ["env", async () => (await import("./commands/env.ts")).registerEnv],
  ["cp", async () => (await import("./commands/cp.ts")).registerCp],
  ["logs", async () => (await import("./commands/logs.ts")).registerLogs],
  ["port", async () => (await import("./commands/port.ts")).registerPort],
  ["image", async () => (await import("./commands/image.ts")).registerImage],
  ["pool", async () => (await import("./commands/pool.ts")).registerPool],
  ["background", async () => (await import("./commands/background.ts")).registerBackground],
  ["doctor", async () => (await import("./commands/doctor.ts")).registerDoctor],
  ["setup", async () => (await import("./commands/setup.ts")).registerSetup],
]);
