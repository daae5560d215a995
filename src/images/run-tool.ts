import { ImageError } from "../errors/smolvm-error.ts";
import { type ProgramResult, type RunProgramOptions, runProgram } from "../process/run-program.ts";

/** Undefined may be written for an option, so that callers can hand their own optional ones on. */
export type RunToolOptions = { readonly [K in keyof RunProgramOptions]: RunProgramOptions[K] | undefined };

const TAIL_LINES = 40;

/**
 * Runs one of the programs of an image build and demands that it succeeds.
 *
 * `/usr/sbin` and `/sbin` are added to PATH, where a user who is not root does not have them, and messages are in
 * English, because some are parsed.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` with the program, its exit code and the end of its output.
 * @throws {HostError} `PREREQUISITE_MISSING` when the program is not installed.
 */
export async function runTool(argv: readonly string[], options: RunToolOptions = {}): Promise<ProgramResult> {
  const tail: string[] = [];
  const onLine = (line: string): void => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    options.onLine?.(line);
  };
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const result = await runProgram(argv, { ...given, env: { ...toolEnvironment(), ...options.env }, onLine });
  if (result.exitCode !== 0) {
    const last = tail.findLast((line) => line.trim() !== "") ?? "no output";
    throw new ImageError(
      "IMAGE_BUILD_FAILED",
      `${argv[0]} was expected to succeed but exited with code ${result.exitCode}: ${last.trim()}`,
      { details: { program: argv[0], exitCode: result.exitCode, outputTail: tail.join("\n") } },
    );
  }
  return result;
}

/** The environment of every tool of a build. */
export function toolEnvironment(): NodeJS.ProcessEnv {
  const path = [...(process.env["PATH"] ?? "/usr/bin:/bin").split(":"), "/usr/sbin", "/sbin"];
  return { ...process.env, PATH: [...new Set(path)].join(":"), LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" };
}
