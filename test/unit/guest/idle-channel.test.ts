import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { FakeAgent } from "./fake-agent.ts";

test("an open channel keeps a program alive while a request is open, and not longer", async () => {
  await using agent = await FakeAgent.start();
  const index = new URL("../../../src/guest/index.ts", import.meta.url).href;
  const program = `
    import { GuestChannel, runCommand } from ${JSON.stringify(index)};
    const channel = await GuestChannel.connect(${JSON.stringify(agent.socketPath)});
    process.stdout.write((await runCommand(channel, "sleep 0.1; echo done")).stdout);
  `;
  const args = ["--input-type=module-typescript", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 });
  assert.equal(stdout, "done\n");
});
