import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ClientProcess } from "../support/client-process.ts";
import { sharedVM } from "../support/vm-fixture.ts";

const PROCESSES = 8;
const RUNS_EACH = 125;

describe("a thousand commands", () => {
  const shared = sharedVM({ memoryMiB: 512 });

  test("at once, from eight processes, each return their own output", async () => {
    const { vm, dataDir } = shared;
    await using clients = await ClientProcess.startMany(PROCESSES - 1, dataDir);
    const runners = [
      (command: string) => vm.run(command),
      ...clients.all.map((client) => (command: string) => client.call("run", vm.vmId, command)),
    ];
    const outputs = await Promise.all(
      runners.flatMap((run, number) =>
        Array.from({ length: RUNS_EACH }, async (_, index) => {
          const marker = `${number}.${index}`;
          const { exitCode, stdout, stderr } = await run(`echo ${marker}; echo ${marker} >&2; exit ${index % 7}`);
          return exitCode === index % 7 && stdout === `${marker}\n` && stderr === `${marker}\n`;
        }),
      ),
    );
    assert.equal(outputs.length, 1_000);
    assert.ok(outputs.every(Boolean), `${outputs.filter((isOwn) => !isOwn).length} of 1000 are wrong`);
  });
});
