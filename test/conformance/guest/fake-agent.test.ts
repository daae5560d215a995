import { after, before } from "node:test";

import { GuestChannel } from "../../../src/guest/index.ts";
import { FakeAgent } from "../../unit/guest/fake-agent.ts";
import { channelConformance } from "./channel-conformance.ts";

let agent: FakeAgent;
before(async () => {
  agent = await FakeAgent.start();
});
after(() => agent[Symbol.asyncDispose]());

channelConformance("the fake agent", { connect: () => GuestChannel.connect(agent.socketPath, { timeoutMs: 10_000 }) });
