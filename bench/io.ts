/**
 * Commands, files and ports, next to the bare channel and to ssh into the same VM, in the same run; and what the agent takes of the guest's
 * memory meanwhile. `node bench/io.ts [--count 200] [--large-mib 256] [--runs 1000]`
 */
import { dirname, join } from "node:path";
import { SmolVM, SmolVMManager } from "../src/index.ts";
import { ClientProcess } from "../test/support/client-process.ts";
import { type AgentMemory, agentMemory } from "./support/agent-memory.ts";
import { BareChannel } from "./support/bare-channel.ts";
import { numberFlag, withDataDir } from "./support/bench-vm.ts";
import { compareCommands } from "./support/io-commands.ts";
import { compareCopies, type CopySizes } from "./support/io-copies.ts";
import { comparePorts } from "./support/io-ports.ts";
import { printMachine } from "./support/machine.ts";
import { SshServer } from "./support/ssh-server.ts";
import { timed } from "./support/timed.ts";

const count = numberFlag("--count", 200);
const largeMiB = numberFlag("--large-mib", 256);
const runs = numberFlag("--runs", 1_000);
const sizes: CopySizes = [
  [1, Math.ceil(count / 4)],
  [1_024, Math.ceil(count / 10)],
  [largeMiB * 1_024, 3],
];
const VM_ID = "bench";
const CLIENTS = 8;
/** The port that clients of the library take last. */
const LAST_CHANNEL = "ch7.sock";

printMachine();
await withDataDir(async (dataDir) => {
  await using manager = new SmolVMManager({ dataDir });
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => manager.delete(VM_ID));
  const idle = await compareOneByOne(dataDir);
  // By now no channel is in use, and the clients take all.
  await runFromMany(dataDir);
  await using vm = await SmolVM.fromId(VM_ID, { dataDir });
  console.log("\nThe agent's memory (KiB)    resident   anonymous     highest");
  printMemory("idle, after the boot", idle);
  printMemory("after all of this", await agentMemory(vm));
});

async function compareOneByOne(dataDir: string): Promise<AgentMemory> {
  await using handle = new AsyncDisposableStack();
  const vm = await SmolVM.launch({ dataDir, vmId: VM_ID });
  handle.defer(() => vm.close());
  const idle = await agentMemory(vm);
  const missing = SshServer.whyNot();
  if (missing !== undefined) console.log(`\nwithout ssh: ${missing}`);
  await using ssh = missing === undefined ? await SshServer.start(vm) : undefined;
  using bare = await BareChannel.open(join(dirname(vm.info.socketPath ?? ""), LAST_CHANNEL));
  await compareCommands(vm, { bare, ssh }, count);
  await compareCopies(vm, { bare, ssh }, sizes, 3);
  await comparePorts(vm, ssh, count, Math.ceil(largeMiB / 8));
  return idle;
}

async function runFromMany(dataDir: string): Promise<void> {
  await using clients = await ClientProcess.startMany(CLIENTS, dataDir);
  for (const client of clients.all) await client.call("run", VM_ID, "true");
  const share = Math.ceil(runs / CLIENTS);
  const ms = await timed(() =>
    Promise.all(
      clients.all.flatMap((client, index) =>
        Array.from({ length: share }, async (_, run) => {
          const { stdout } = await client.call("run", VM_ID, `echo ${index}.${run}`);
          if (stdout !== `${index}.${run}\n`) throw new Error(`run ${index}.${run} answered ${JSON.stringify(stdout)}`);
        }),
      ),
    ),
  );
  const each = (ms / (share * CLIENTS)).toFixed(2);
  console.log(`\n${share * CLIENTS} run()s at once from ${CLIENTS} programs: ${ms.toFixed(0)} ms, ${each} ms each`);
}

function printMemory(when: string, { residentKiB, anonymousKiB, highestKiB }: AgentMemory): void {
  console.log(
    `${when.padEnd(24)}${[residentKiB, anonymousKiB, highestKiB].map((kib) => String(kib).padStart(12)).join("")}`,
  );
}
