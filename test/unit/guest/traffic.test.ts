import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GuestChannel } from "../../../src/guest/channel/channel.ts";
import { runCommand } from "../../../src/guest/command/run-command.ts";
import { FakeAgent } from "./fake-agent.ts";

describe("the traffic of a channel", () => {
  test("begins with the first call and ends with the last one", async () => {
    await using agent = await FakeAgent.start();
    await using channel = await GuestChannel.connect(agent.socketPath);
    const heard: string[] = [];
    channel.listenToTraffic({ onBusy: () => heard.push("busy"), onQuiet: () => heard.push("quiet") });
    const runs = [runCommand(channel, "sleep 0.1"), runCommand(channel, "true")];
    assert.equal(channel.traffic.openCount, 2);
    await Promise.all(runs);
    assert.equal(channel.traffic.openCount, 0);
    await channel.ping();
    assert.deepEqual(heard, ["busy", "quiet", "busy", "quiet"]);
  });

  test("ends with the channel for calls that are open then", async () => {
    await using agent = await FakeAgent.start();
    const channel = await GuestChannel.connect(agent.socketPath);
    const cutOff = assert.rejects(runCommand(channel, "sleep 100"), { code: "CHANNEL_BROKEN" });
    await channel.close();
    await cutOff;
    assert.equal(channel.traffic.openCount, 0);
    await assert.rejects(channel.ping(), { code: "CHANNEL_BROKEN" });
    assert.equal(channel.traffic.openCount, 0);
  });
});
