import type { NetworkConfig } from "../config/network-config.ts";

/** QEMU's user networking: its defaults, the same for every VM, each on a wire of its own. */
export const USER_NETWORK: {
  readonly guestIp: string;
  readonly prefixLength: number;
  readonly netmask: string;
  readonly gatewayIp: string;
  readonly resolverIp: string;
} = {
  guestIp: "10.0.2.15",
  prefixLength: 24,
  netmask: "255.255.255.0",
  gatewayIp: "10.0.2.2",
  resolverIp: "10.0.2.3",
};

/** The network of a VM with user networking. The MAC comes from `random` (6 bytes): unicast, locally administered. */
export function planUserNetwork(random: Uint8Array): NetworkConfig {
  const bytes = Uint8Array.from(random.subarray(0, 6));
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return Object.freeze({
    mode: "user",
    guestIp: USER_NETWORK.guestIp,
    gatewayIp: USER_NETWORK.gatewayIp,
    netmask: USER_NETWORK.netmask,
    tapDevice: null,
    guestMac: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":"),
    sshHostPort: null,
  });
}
