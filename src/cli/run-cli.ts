import { Command, CommanderError } from "commander";
import { registerAttach } from "./commands/attach.ts";
import { registerCp } from "./commands/cp.ts";
import { registerCreate } from "./commands/create.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerEnv } from "./commands/env.ts";
import { registerExec } from "./commands/exec.ts";
import { registerImage } from "./commands/image.ts";
import { registerInspect } from "./commands/inspect.ts";
import { registerKill } from "./commands/kill.ts";
import { registerLogs } from "./commands/logs.ts";
import { registerLs } from "./commands/ls.ts";
import { registerPort } from "./commands/port.ts";
import { registerPs } from "./commands/ps.ts";
import { registerRm } from "./commands/rm.ts";
import { registerRun } from "./commands/run.ts";
import { registerSetup } from "./commands/setup.ts";
import { registerShell } from "./commands/shell.ts";
import { registerStart } from "./commands/start.ts";
import { registerStop } from "./commands/stop.ts";
import { addGlobalOptions } from "./global-options.ts";
import { installInterruptHandler } from "./interrupt.ts";
import { printWarningsAsNotes } from "./notes.ts";
import { reportError, USAGE_EXIT_CODE } from "./report-error.ts";
import { VERSION } from "./version.ts";

/** Runs the command line and sets the process's exit code. */
export async function runCli(argv: readonly string[]): Promise<void> {
  printWarningsAsNotes();
  installInterruptHandler();
  const program = buildProgram();
  let json = false;
  // What the guest's command has for options says nothing about ours.
  program.hook("preAction", (_program, action) => {
    json = action.opts<{ json?: boolean }>().json === true;
  });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed its message already; help and version are no failures.
      process.exitCode = error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
      return;
    }
    reportError(error, json);
  }
}

function buildProgram(): Command {
  const program = new Command("smolvm")
    .description("Disposable computers for programs: microVMs that start fast and leave nothing behind.")
    .version(VERSION)
    .enablePositionalOptions()
    .showHelpAfterError("(smolvm --help lists what there is)")
    .exitOverride();
  for (const register of [
    registerRun,
    registerCreate,
    registerStart,
    registerStop,
    registerRm,
    registerLs,
    registerInspect,
    registerExec,
    registerShell,
    registerPs,
    registerAttach,
    registerKill,
    registerEnv,
    registerCp,
    registerLogs,
    registerPort,
    registerImage,
    registerDoctor,
    registerSetup,
  ]) {
    register(program);
  }
  addGlobalOptions(program);
  return program;
}
