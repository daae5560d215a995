import { COMMANDS } from "./command-table.ts";
import { isGlobalOption } from "./global-options.ts";

/**
 * Names of the commands that must be known to act on these words: the one that is named, none for the version, and all for
 * everything else, such as help and words that are no command.
 *
 * @param words - the command line behind the program's name.
 */
export function wantedCommands(words: readonly string[]): readonly string[] {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (COMMANDS.has(word)) return [word];
    if (word === "--version" || word === "-V") return [];
    // `--data-dir=x` is one word, `--data-dir x` are two.
    if (isGlobalOption(word)) at++;
    else if (!isGlobalOption(word.split("=", 1)[0] ?? "")) break;
  }
  return [...COMMANDS.keys()];
}
