import { after, before } from "node:test";

import { GuestChannel } from "../../../src/guest/index.ts";
import { FakeAgent } from "../../unit/guest/fake-agent.ts";
import { channelConformance, type ChannelSubject } from "./channel-conformance.ts";
import { processConformance } from "./process-conformance.ts";

let agent: FakeAgent;
before(async () => {
  agent = await FakeAgent.start();
});
after(() => agent[Symbol.asyncDispose]());

const subject: ChannelSubject = { connect: () => GuestChannel.connect(agent.socketPath, { timeoutMs: 10_000 }) };

channelConformance("the fake agent", subject);
processConformance("the fake agent", {
  ...subject,
  skips: {
    "run as the user": "the fake agent starts processes as its own user",
    "with a terminal": "the fake agent makes no terminals",
    "that are detached": "the fake agent's processes end with their session",
  },
});
