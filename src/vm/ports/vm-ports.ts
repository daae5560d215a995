import { InvalidStateError, NetworkError } from "../../errors/smolvm-error.ts";
import type { Connect } from "../connect.ts";
import { type ExposePortOptions, type HostPlace, parseExposeOptions } from "./expose-options.ts";
import { PortForward } from "./port-forward.ts";

/** The ports of one VM that one handle has exposed: at most one forward for each port of the guest. */
export class VMPorts {
  readonly #connect: Connect;
  readonly #forwards = new Map<number, Promise<PortForward>>();
  #isClosed = false;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /** See `SmolVM.exposePort`. */
  async expose(guestPort: number, options: ExposePortOptions): Promise<PortForward> {
    const place = parseExposeOptions(guestPort, options);
    const { signal } = options;
    signal?.throwIfAborted();
    // A VM that cannot be reached is told of here, and not by resets of its clients.
    await this.#connect({ signal });
    signal?.throwIfAborted();
    for (;;) {
      const existing = this.#forwards.get(guestPort);
      if (existing === undefined) return await this.#open(guestPort, place);
      const forward = await existing.catch(() => undefined); // told to whoever opened it
      if (forward?.isOpen) return sameForward(forward, place);
      if (this.#forwards.get(guestPort) === existing) this.#forwards.delete(guestPort);
    }
  }

  /** Ends the forward of a port; does nothing where there is none. */
  async unexpose(guestPort: number): Promise<void> {
    const forward = await this.#forwards.get(guestPort)?.catch(() => undefined);
    await forward?.close();
  }

  /** Ends all forwards. */
  async unexposeAll(): Promise<void> {
    await Promise.all([...this.#forwards.keys()].map((guestPort) => this.unexpose(guestPort)));
  }

  /** Ends all forwards for good, also those that are just being made. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.unexposeAll();
  }

  async #open(guestPort: number, place: HostPlace): Promise<PortForward> {
    if (this.#isClosed) {
      throw new InvalidStateError("INVALID_STATE", `port ${guestPort} was not exposed: this handle was closed`, {
        hint: "Take a new handle with SmolVM.fromId().",
      });
    }
    const made = PortForward.open(guestPort, place, this.#connect);
    this.#forwards.set(guestPort, made);
    const forward = await made;
    forward.unref();
    return forward;
  }
}

/** @throws {NetworkError} `PORT_IN_USE` when the port is exposed at another place than was asked for. */
function sameForward(forward: PortForward, { hostAddress, hostPort }: HostPlace): PortForward {
  const isSame = forward.hostAddress === hostAddress && (hostPort === 0 || hostPort === forward.hostPort);
  if (isSame) return forward;
  const at = `${forward.hostAddress}, port ${forward.hostPort}`;
  const wanted = `${hostAddress}, ${hostPort === 0 ? "any port" : `port ${hostPort}`}`;
  throw new NetworkError(
    "PORT_IN_USE",
    `port ${forward.guestPort} of the guest is exposed at ${at} already, not at ${wanted}`,
    {
      hint: "Close that forward first, or use it.",
      details: { guestPort: forward.guestPort, hostAddress: forward.hostAddress, hostPort: forward.hostPort },
    },
  );
}
