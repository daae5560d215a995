import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A client of a port of this machine that may end its direction on its own. Its errors show where it is read. */
export async function clientOf({ hostPort }: { readonly hostPort: number }): Promise<Socket> {
  const socket = connect({ port: hostPort, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** All that comes until the other side ends; throws where the connection is reset. The socket can be written to afterwards. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket.iterator({ destroyOnReturn: false })) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** Connects, says the text and nothing more, and resolves with the whole answer. */
export async function ask(place: { readonly hostPort: number }, text = ""): Promise<string> {
  const socket = await clientOf(place);
  socket.end(text);
  return (await readAll(socket)).toString();
}

/** What a client of a connection that was cut sees. */
export const wasReset: { readonly code: string } = { code: "ECONNRESET" };
