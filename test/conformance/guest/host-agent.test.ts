import { after, before, test } from "node:test";

import { GuestChannel } from "../../../src/guest/index.ts";
import { channelConformance, type ChannelSubject } from "./channel-conformance.ts";
import { HostAgent } from "./host-agent.ts";
import { processConformance } from "./process-conformance.ts";

const reason = HostAgent.whyNot();
if (reason !== undefined) {
  test("a channel to the C agent on this machine", { skip: reason });
} else {
  let agent: HostAgent;
  before(async () => {
    agent = await HostAgent.start();
  });
  after(() => agent[Symbol.asyncDispose]());

  const subject: ChannelSubject = { connect: () => GuestChannel.connect(agent.socketPath, { timeoutMs: 10_000 }) };
  channelConformance("the C agent on this machine", subject);
  processConformance("the C agent on this machine", subject);
}
