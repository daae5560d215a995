import { isIP } from "node:net";
import { assertKnownOptions } from "../../config/known-options.ts";
import { assertPort } from "../../config/port-number.ts";
import { describe } from "../../config/vm-id.ts";
import { ValidationError } from "../../errors/smolvm-error.ts";

const DEFAULT_HOST_ADDRESS = "127.0.0.1";

/** Where a port of the guest is reached on the host. */
export interface ExposePortOptions {
  /** Port on the host; 0, the default, takes one that is free. */
  readonly hostPort?: number;
  /** IP address of the host to listen on. Default `"127.0.0.1"`: this machine alone. `"0.0.0.0"` is every address of it. */
  readonly hostAddress?: string;
  /** Gives up with the signal's reason. Has no meaning once the port is exposed. */
  readonly signal?: AbortSignal;
}

/** The place that was asked for. */
export interface HostPlace {
  /** 0: any that is free. */
  readonly hostPort: number;
  readonly hostAddress: string;
}

/** @throws {ValidationError} `INVALID_OPTION`. */
export function parseExposeOptions(guestPort: number, options: ExposePortOptions): HostPlace {
  assertPort("guestPort", guestPort);
  assertKnownOptions("exposePort()", options, ["hostPort", "hostAddress", "signal"]);
  const { hostPort = 0, hostAddress = DEFAULT_HOST_ADDRESS } = options;
  assertPort("hostPort", hostPort, 0);
  if (typeof hostAddress !== "string" || isIP(hostAddress) === 0) {
    throw new ValidationError(
      "INVALID_OPTION",
      `hostAddress must be an IP address of this machine, got ${describe(hostAddress)}`,
      { hint: 'Use "127.0.0.1" for this machine alone, "0.0.0.0" for all its addresses.' },
    );
  }
  return { hostPort, hostAddress };
}
