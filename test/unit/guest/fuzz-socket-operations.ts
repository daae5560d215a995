import { once } from "node:events";
import { connect as connectTcp } from "node:net";

import { Method } from "../../../src/guest/protocol/frame-types.ts";
import { PortForward } from "../../../src/vm/ports/port-forward.ts";
import { waitForPort } from "../../../src/vm/ports/wait-for-port.ts";
import { BULK, collect, isOk, type Operation } from "./fuzz-operation.ts";

export const SOCKET_OPERATIONS: readonly Operation[] = [
  {
    name: "a wait for a port",
    method: Method.WAIT_PORT,
    isSuccess: isOk,
    start: async (channel, number) => {
      await waitForPort(async () => channel, 1_000 + number, {});
      return { subject: String(1_000 + number) };
    },
  },
  {
    name: "a forwarded connection",
    method: Method.CONNECT,
    isSuccess: ({ hasOutputEnd }) => hasOutputEnd,
    start: async (channel, number) => {
      const place = { hostAddress: "127.0.0.1", hostPort: 0 };
      await using forward = await PortForward.open(1_000 + number, place, async () => channel);
      const socket = connectTcp({ host: forward.hostAddress, port: forward.hostPort, allowHalfOpen: true });
      try {
        await once(socket, "connect");
        socket.end(BULK);
        return { subject: String(1_000 + number), output: await collect(socket) };
      } finally {
        socket.destroy();
      }
    },
  },
];
