import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const AGENT = fileURLToPath(new URL("../../../guest/agent", import.meta.url));
const MAIN = fileURLToPath(new URL("host-agent.c", import.meta.url));

/** The C agent, built for this machine with the fakes of its own tests around it. */
export class HostAgent implements AsyncDisposable {
  readonly socketPath: string;
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(directory: string, socketPath: string, process: ChildProcess) {
    this.#directory = directory;
    this.socketPath = socketPath;
    this.#process = process;
  }

  /** Why it cannot be built here, or undefined. */
  static whyNot(): string | undefined {
    if (process.platform !== "linux") return "the agent runs on Linux only";
    if (!existsSync(join(AGENT, "test/fake-guest.c"))) return "guest/agent/test/fake-guest.c does not exist";
    try {
      execFileSync("cc", ["--version"], { stdio: "ignore" });
      execFileSync("make", ["--version"], { stdio: "ignore" });
    } catch {
      return "cc or make is not installed";
    }
    return undefined;
  }

  static async start(): Promise<HostAgent> {
    const directory = mkdtempSync(join(tmpdir(), "smolvm-host-agent-"));
    const program = join(directory, "host-agent");
    const version = readFileSync(join(AGENT, "VERSION"), "utf8").trim();
    // The Makefile knows which sources make up a testable agent; asking it keeps one list.
    const rule = "parts-of-a-tested-agent: ; @echo $(INCLUDES) $(TESTED)";
    const listed = execFileSync("make", ["-s", "-C", AGENT, `--eval=${rule}`, "parts-of-a-tested-agent"], {
      encoding: "utf8",
    });
    const parts = listed.trim().split(/\s+/);
    const flags = ["-std=c11", "-D_GNU_SOURCE", `-DAGENT_VERSION="${version}"`, "-O2", "-iquote", "test"];
    execFileSync("cc", [...flags, MAIN, "test/fake-guest.c", "test/fake-system.c", ...parts, "-o", program], {
      cwd: AGENT,
    });
    const socketPath = join(directory, "agent.sock");
    const child = spawn(program, [socketPath], { stdio: ["pipe", "pipe", "inherit"] });
    await once(child.stdout, "data");
    return new HostAgent(directory, socketPath, child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#process, "exit");
    this.#process.stdin?.end();
    await exit;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
