import { randomBytes } from "node:crypto";
import type { Backend } from "../backends/backend.ts";
import type { NetworkConfig, NetworkMode } from "../config/network-config.ts";
import { NetworkError } from "../errors/smolvm-error.ts";
import { planUserNetwork } from "../network/user-network-plan.ts";

/**
 * The network of a new VM; null: it has none.
 *
 * @throws {NetworkError} `NETWORK_UNAVAILABLE` for a mode that the backend does not have.
 */
export function planNetwork(mode: NetworkMode, backend: Backend): NetworkConfig | null {
  if (mode === "none") return null;
  const wanted = mode === "auto" ? "user" : mode;
  if (!backend.capabilities.networkModes.includes(wanted)) {
    throw new NetworkError(
      "NETWORK_UNAVAILABLE",
      `network "${wanted}" is not available with the backend "${backend.name}"; it has: ${backend.capabilities.networkModes.join(", ")}`,
    );
  }
  return planUserNetwork(randomBytes(6));
}
