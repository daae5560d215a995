import { type Command, Option } from "commander";

const GLOBAL_OPTIONS: readonly (readonly [flags: string, description: string])[] = [
  ["--data-dir <path>", "where VMs are kept (default: $SMOLVM_DATA_DIR or ~/.local/state/smolvm)"],
  ["--socket-dir <path>", "where sockets of running VMs are kept (default: in the data directory)"],
  ["--image-dir <path>", "where images are kept (default: $SMOLVM_IMAGE_DIR or ~/.cache/smolvm/images)"],
  ["--backend <name>", "auto or qemu (default: $SMOLVM_BACKEND or auto)"],
];

/** Whether the word is one of the options that every command has; all of them take a value. */
export function isGlobalOption(word: string): boolean {
  return GLOBAL_OPTIONS.some(([flags]) => flags.startsWith(`${word} `));
}

/** Adds the options that every command has, before and behind the command's name; help lists them once. */
export function addGlobalOptions(program: Command): void {
  for (const [flags, description] of GLOBAL_OPTIONS) program.option(flags, description);
  for (const command of program.commands) addHidden(command);
}

function addHidden(command: Command): void {
  for (const [flags, description] of GLOBAL_OPTIONS) command.addOption(new Option(flags, description).hideHelp());
  for (const inner of command.commands) addHidden(inner);
}
