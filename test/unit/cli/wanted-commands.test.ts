import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Command } from "commander";
import { COMMANDS } from "../../../src/cli/command-table.ts";
import { wantedCommands } from "../../../src/cli/wanted-commands.ts";

const ALL = [...COMMANDS.keys()];

describe("the commands that are made known", () => {
  const cases: readonly (readonly [title: string, words: string, wanted: readonly string[]])[] = [
    ["are the one that is named", "run -- true", ["run"]],
    ["are the named one also where words behind it name others", "exec ls stop", ["exec"]],
    ["are the named one behind global options", "--data-dir /x --backend=qemu ls", ["ls"]],
    ["are not what a global option has for a value", "--data-dir run ls", ["ls"]],
    ["are the named one also where its help is asked for", "cp --help", ["cp"]],
    ["are none for the version", "--data-dir /x --version", []],
    ["are all for the help", "--help", ALL],
    ["are all for the help of one", "help run", ALL],
    ["are all for a word that is no command", "rum", ALL],
    ["are all for an option that is not known", "--bogus run", ALL],
    ["are all without words", "", ALL],
    ["are all behind --", "-- run", ALL],
  ];
  for (const [title, words, wanted] of cases) {
    test(title, () => assert.deepEqual(wantedCommands(words.split(" ").filter(Boolean)), wanted));
  }
});

for (const [name, load] of COMMANDS) {
  test(`the code of ${name} adds the command ${name}, and no other`, async () => {
    const program = new Command().enablePositionalOptions();
    (await load())(program);
    assert.deepEqual(
      program.commands.map((command) => command.name()),
      [name],
    );
  });
}
