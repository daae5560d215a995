import type { Command } from "commander";
import { text } from "node:stream/consumers";
import { ValidationError } from "../../errors/smolvm-error.ts";
import { openManager } from "../open-manager.ts";
import { printJson } from "../print.ts";
import { parseEnv } from "../vm-config-options.ts";

/** Registers `env ID`, `env set` and `env unset`. */
export function registerEnv(program: Command): void {
  const env = program.command("env").description("show and change the environment variables of a VM");
  registerList(env);
  registerSet(env);
  registerUnset(env);
}

function registerList(env: Command): void {
  env
    .command("ls", { isDefault: true })
    .description("print the VM's own variables; `smolvm env ID` is short for it")
    .argument("<id>", "id of the VM")
    .option("--json", "print them as JSON")
    .action(async (id: string, flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      const variables = manager.get(id).config.env;
      if (flags.json === true) return printJson(variables);
      const names = Object.keys(variables).toSorted();
      process.stdout.write(names.map((name) => `${name}=${variables[name]}\n`).join(""));
    });
}

function registerSet(env: Command): void {
  env
    .command("set")
    .description("set variables, for commands that are started from now on; running VMs are told at once")
    .argument("<id>", "id of the VM")
    .argument("<NAME=value...>", "variables; a single NAME takes its value from stdin, where other users do not see it")
    .option("--json", "print the names of the VM's variables")
    .action(async (id: string, pairs: string[], flags: { json?: boolean }, self: Command) => {
      const [first = ""] = pairs;
      const variables = pairs.length === 1 && !first.includes("=") ? { [first]: await readValue() } : parseEnv(pairs);
      await using manager = openManager(self);
      printNames(await manager.setEnv(id, variables ?? {}), flags);
    });
}

function registerUnset(env: Command): void {
  env
    .command("unset")
    .description("remove variables")
    .argument("<id>", "id of the VM")
    .argument("<NAME...>", "names of the variables; those that are not set are fine")
    .option("--json", "print the names of the VM's variables")
    .action(async (id: string, names: string[], flags: { json?: boolean }, self: Command) => {
      await using manager = openManager(self);
      printNames(await manager.unsetEnv(id, names), flags);
    });
}

function printNames(
  { vmId, config }: { readonly vmId: string; readonly config: { readonly env: object } },
  flags: { readonly json?: boolean },
): void {
  if (flags.json === true) printJson({ vmId, names: Object.keys(config.env) });
}

/** All of stdin, without the newline that editors and `echo` put at the end. */
async function readValue(): Promise<string> {
  if (process.stdin.isTTY) {
    throw new ValidationError(
      "INVALID_OPTION",
      "a variable must be NAME=value, or a NAME whose value comes from a pipe",
      {
        hint: "For example: smolvm env set ID TOKEN < token.txt",
      },
    );
  }
  return (await text(process.stdin)).replace(/\r?\n$/, "");
}
