import { randomBytes } from "node:crypto";

import { ValidationError } from "../../errors/smolvm-error.ts";
import { environmentFields, refuseNul } from "../command/environment-fields.ts";
import type { Field } from "../protocol/fields.ts";
import { ConfigureFlag, MAX_ENTROPY_BYTES, Method, Tag } from "../protocol/frame-types.ts";
import { SYNC_WORD } from "../protocol/sync.ts";
import { encodeRequest } from "../channel/request-frame.ts";
import type { RequestResult } from "../channel/request-result.ts";
import type { SshHostKey } from "./ssh-host-key.ts";

/** Who a guest is. What is left out stays as it is in the guest. */
export interface GuestIdentity {
  readonly hostname?: string;
  /** Nanoseconds since 1970, or `"now"`: the host's clock at the moment the request is encoded. */
  readonly clockNs?: bigint | "now";
  /** Credited to the kernel's pool; at most 512 bytes. */
  readonly entropy?: Uint8Array;
  /** 32 hexadecimal digits, see machine-id(5). */
  readonly machineId?: string;
  /** The host key of its SSH server, in place of all that are there; where there is no `/etc/ssh` it is not written. */
  readonly sshHostKey?: SshHostKey;
  /** This guest is a copy of another: its seeds of randomness and its copies of the machine id are replaced. */
  readonly newIdentity?: boolean;
  /** Hardware address of the first network interface, `aa:bb:cc:dd:ee:ff`. */
  readonly mac?: string;
  /** `a.b.c.d/prefix` of the first network interface. */
  readonly address?: string;
  /** Where the default route goes. */
  readonly gateway?: string;
  /** Replaces the list of DNS servers. */
  readonly resolvers?: readonly string[];
  /** Replaces the VM's own variables as a whole; an empty object leaves none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Grows the root filesystem to the size of its device. */
  readonly growRoot?: boolean;
  /** The guest powers itself off when it has run this long from now; 0: never. Time in which the VM is paused does not count. */
  readonly lifetimeMs?: number;
}

/** Fresh randomness for a guest that shares its memory with the template it was restored from. */
export function freshEntropy(): Uint8Array {
  return randomBytes(64);
}

/** Checks an identity and encodes its request; throws `ValidationError` before anything is sent. */
export function encodeConfigure(identity: GuestIdentity): Buffer {
  const fields: Field[] = [{ tag: Tag.METHOD, value: Method.CONFIGURE }];
  const addText = (what: string, tag: Tag, value: string | undefined): void => {
    if (value === undefined) return;
    refuseNul(what, value);
    fields.push({ tag, value });
  };
  addText("hostname", Tag.HOSTNAME, identity.hostname);
  if (identity.clockNs !== undefined) fields.push({ tag: Tag.CLOCK_NS, value: clockNs(identity.clockNs) });
  if (identity.entropy !== undefined) fields.push({ tag: Tag.ENTROPY, value: checkedEntropy(identity.entropy) });
  addText("machineId", Tag.MACHINE_ID, identity.machineId);
  addText("the SSH host key", Tag.SSH_HOST_KEY, identity.sshHostKey?.privateKey);
  addText("the SSH host key", Tag.SSH_HOST_PUBLIC_KEY, identity.sshHostKey?.publicKey);
  if (identity.newIdentity === true) fields.push({ tag: Tag.NEW_IDENTITY, value: 1 });
  if (identity.mac !== undefined) {
    fields.push({ tag: Tag.MAC, value: Buffer.from(identity.mac.replaceAll(":", ""), "hex") });
  }
  addText("address", Tag.ADDRESS, identity.address);
  addText("gateway", Tag.GATEWAY, identity.gateway);
  for (const resolver of identity.resolvers ?? []) addText("resolvers", Tag.RESOLVER, resolver);
  if (identity.env !== undefined) {
    fields.push(...environmentFields(identity.env), { tag: Tag.FLAGS, value: ConfigureFlag.REPLACES_ENV });
  }
  if (identity.growRoot === true) fields.push({ tag: Tag.GROW_ROOT, value: 1 });
  if (identity.lifetimeMs !== undefined) fields.push({ tag: Tag.LIFETIME_MS, value: lifetimeMs(identity.lifetimeMs) });
  return encodeRequest(
    "the VM's configuration",
    fields,
    "Shorten the VM's environment variables; large values belong into files.",
  );
}

/** By how much the clock of a guest is behind that was told `"now"`, at most; undefined where the guest does not say. */
export function clockLagMs({ fields }: RequestResult): number | undefined {
  const told = fields.u64(Tag.CLOCK_NS);
  return told === undefined ? undefined : Number(clockNs("now") - told) / 1e6;
}

function clockNs(clock: bigint | "now"): bigint {
  if (clock !== "now") return clock;
  // Other clocks are finer, but count from when the program began, however the host's was set since. The middle of the millisecond.
  return BigInt(Date.now()) * 1_000_000n + 500_000n;
}

function lifetimeMs(lifetime: number): bigint {
  if (Number.isSafeInteger(lifetime) && lifetime >= 0) return BigInt(lifetime);
  throw new ValidationError(
    "INVALID_OPTION",
    `lifetimeMs is ${lifetime}: expected a whole number of milliseconds, 0 or more`,
  );
}

function checkedEntropy(entropy: Uint8Array): Uint8Array {
  if (entropy.byteLength > MAX_ENTROPY_BYTES) {
    throw new ValidationError(
      "INVALID_OPTION",
      `entropy has ${entropy.byteLength} bytes, and a guest takes ${MAX_ENTROPY_BYTES}`,
    );
  }
  // Every other field is text, which cannot hold these bytes.
  if (Buffer.from(entropy).includes(SYNC_WORD)) {
    throw new ValidationError(
      "INVALID_OPTION",
      "entropy holds the sync word of the protocol, which random bytes do not",
    );
  }
  return entropy;
}
