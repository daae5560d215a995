import type { Socket } from "node:net";
import type { GuestChannel } from "../../guest/channel/channel.ts";
import { connectToPort } from "../../guest/sockets/connect.ts";
import { debugLog } from "../../process/debug-log.ts";
import type { Connect } from "../connect.ts";

/**
 * Carries one accepted connection to a port of the guest, until both have ended. Whatever breaks one side resets the other;
 * nothing is thrown, since a connection's failure is told to its client and not to the program that forwards.
 */
export async function forwardConnection(socket: Socket, connect: Connect, guestPort: number): Promise<void> {
  const gone = new AbortController();
  socket.once("close", () => gone.abort());
  socket.on("error", () => {
    // Its "close" follows, and ends the guest's side.
  });
  try {
    const channel = await connect({ signal: gone.signal });
    if (!socket.destroyed) await carry(socket, channel, guestPort);
  } catch (error) {
    debugLog("port.reset", { guestPort, reason: (error as Error).message });
    // The guest's last word still goes out where it has spoken it; else the client must see that something is missing.
    if (socket.writableEnded) socket.destroySoon();
    else socket.resetAndDestroy();
  }
}

/**
 * Both directions at the pace of the slower side: the socket is not read while the guest has no credit for it, and the guest gets
 * no credit while the socket does not drain. One write and one read cost no promise.
 */
async function carry(socket: Socket, channel: GuestChannel, guestPort: number): Promise<void> {
  let heldBytes = 0;
  const call = connectToPort(channel, guestPort, {
    onOutput: (bytes) => {
      if (socket.write(Buffer.from(bytes))) call.release(bytes.length);
      else heldBytes += bytes.length;
    },
    onOutputEnd: () => socket.end(),
  });
  const { input } = call;
  const goOn = (): void => void socket.resume();
  socket.on("drain", () => {
    const bytes = heldBytes;
    heldBytes = 0;
    call.release(bytes);
  });
  socket.on("data", (bytes) => {
    if (!input.offer(bytes, goOn)) socket.pause();
  });
  socket.once("end", () => void input.end());
  socket.once("close", () => {
    // With both ends behind it, the guest's confirmation is on its way.
    if (!socket.readableEnded || !socket.writableFinished) call.cancel();
  });
  await call.wait();
  if (!socket.readableEnded || !socket.writableEnded)
    throw new Error("the guest says that both sides ended, and they did not");
}
