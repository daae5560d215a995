import { type GuestChannel, runCommand } from "../../../src/guest/index.ts";
import { Method, Status } from "../../../src/guest/protocol/frame-types.ts";
import { VMProcesses } from "../../../src/vm/processes/processes.ts";
import { BULK, collect, isOk, type Operation } from "./fuzz-operation.ts";

const processesOf = (channel: GuestChannel): VMProcesses => new VMProcesses(async () => channel);

export const COMMAND_OPERATIONS: readonly Operation[] = [
  {
    name: "a ping",
    method: Method.PING,
    isSuccess: isOk,
    start: async (channel) => {
      await channel.ping();
      return { subject: "" };
    },
  },
  {
    name: "a run",
    method: Method.EXEC,
    // A command that cannot be started has an exit code, too.
    isSuccess: ({ status }) => status === Status.OK || status === Status.NOT_FOUND || status === Status.NOT_EXECUTABLE,
    start: async (channel, number) => {
      const { stdoutBytes, exitCode } = await runCommand(channel, ["run", String(number)], { stdin: BULK });
      const subject = String(number);
      return exitCode === 126 || exitCode === 127 ? { subject } : { subject, output: stdoutBytes };
    },
  },
  {
    name: "a command that is read",
    method: Method.EXEC,
    isSuccess: isOk,
    start: async (channel, number) => {
      const exec = channel.exec(["read", String(number)], { windowBytes: 65_536 });
      exec.stderr.discard();
      const output = await collect(exec.stdout);
      await exec.wait();
      return { subject: String(number), output };
    },
  },
  {
    name: "an attached process",
    method: Method.PROCESS_ATTACH,
    isSuccess: isOk,
    start: async (channel, number) => {
      const process = await processesOf(channel).attach(String(number));
      for await (const _piece of process.stdout);
      await process.exited;
      return { subject: String(number) };
    },
  },
  {
    name: "a list of processes",
    method: Method.PROCESS_LIST,
    isSuccess: isOk,
    start: async (channel) => {
      await processesOf(channel).list();
      return { subject: "" };
    },
  },
];
