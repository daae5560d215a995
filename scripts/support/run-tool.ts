import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { REPOSITORY } from "./repository.ts";

/** How a tool ended, with all that it wrote. */
export interface ToolResult {
  readonly ok: boolean;
  readonly output: string;
}

/** The environment in which `node` is the project's own and the tools of `node_modules/.bin` are found. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  const bin = join(REPOSITORY, "node_modules", ".bin");
  return { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
}

/** Runs a development tool in the checkout; `onLine` sees its lines as they come. */
export async function runTool(argv: readonly string[], onLine?: (line: string) => void): Promise<ToolResult> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: REPOSITORY,
    env: toolEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let rest = "";
  const take = (text: string): void => {
    output += text;
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    if (onLine) for (const line of lines) onLine(line);
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  return await new Promise((resolve) => {
    child.once("error", (error) => resolve({ ok: false, output: `${output}${program}: ${error.message}\n` }));
    child.once("close", (code) => resolve({ ok: code === 0, output }));
  });
}
