import { Command, CommanderError } from "commander";
import { COMMANDS } from "./command-table.ts";
import { addGlobalOptions } from "./global-options.ts";
import { installInterruptHandler } from "./interrupt.ts";
import { printWarningsAsNotes } from "./notes.ts";
import { reportError, USAGE_EXIT_CODE } from "./report-error.ts";
import { VERSION } from "./version.ts";
import { wantedCommands } from "./wanted-commands.ts";

/** Runs the command line and sets the process's exit code. */
export async function runCli(argv: readonly string[]): Promise<void> {
  printWarningsAsNotes();
  installInterruptHandler();
  const program = await buildProgram(argv.slice(2));
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

async function buildProgram(words: readonly string[]): Promise<Command> {
  const program = new Command("smolvm")
    .description("Disposable computers for programs: microVMs that start fast and leave nothing behind.")
    .version(VERSION)
    .enablePositionalOptions()
    .showHelpAfterError("(smolvm --help lists what there is)")
    .exitOverride();
  for (const name of wantedCommands(words)) {
    const register = await COMMANDS.get(name)?.();
    register?.(program);
  }
  addGlobalOptions(program);
  return program;
}
