import { after, before, describe, test } from "node:test";
import { GuestChannel } from "../../../src/guest/index.ts";
import { temporaryDir } from "../../support/temporary-dir.ts";
import { filesConformance } from "./files-conformance.ts";
import type { FilesSubject } from "./files-subject.ts";
import { HostAgent } from "./host-agent.ts";
import { treesConformance } from "./trees-conformance.ts";

const reason =
  process.getuid?.() === 0 ? HostAgent.whyNot() : "the agent acts as root, and these tests do not run as root";
if (reason !== undefined) {
  test("the files of the C agent on this machine", { skip: reason });
} else {
  describe("the C agent on this machine", () => {
    let agent: HostAgent;
    before(async () => {
      agent = await HostAgent.start();
    });
    after(() => agent[Symbol.asyncDispose]());
    const directory = temporaryDir({ after });

    const subject: FilesSubject = {
      connect: () => GuestChannel.connect(agent.socketPath, { timeoutMs: 10_000 }),
      directory: () => directory,
      bulkBytes: 100_000_000,
    };
    filesConformance("the C agent on this machine", subject);
    treesConformance("the C agent on this machine", subject);
  });
}
