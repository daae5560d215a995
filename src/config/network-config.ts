/**
 * How a VM is connected. `"user"`: the VMM's user networking, which needs no privilege. `"tap"`: a device of its own.
 * `"none"`: not at all. `"auto"`: the best of them that this process may use.
 */
export type NetworkMode = "auto" | "tap" | "user" | "none";

/** The network of one VM; frozen. */
export interface NetworkConfig {
  readonly mode: Exclude<NetworkMode, "auto" | "none">;
  /** The guest's IPv4 address. With `mode: "user"` every VM has the same one, on a wire of its own. */
  readonly guestIp: string;
  readonly gatewayIp: string;
  readonly netmask: string;
  /** Name of the TAP device; null with `mode: "user"`. */
  readonly tapDevice: string | null;
  readonly guestMac: string;
  /** Host port that is forwarded to the guest's SSH port; null where none is. */
  readonly sshHostPort: number | null;
}
