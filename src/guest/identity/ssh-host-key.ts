import { generateKeyPairSync, randomBytes } from "node:crypto";

/** A host key of an SSH server, as OpenSSH keeps it in two files. */
export interface SshHostKey {
  /** The text of `ssh_host_ed25519_key`. */
  readonly privateKey: string;
  /** The text of `ssh_host_ed25519_key.pub`: one line. */
  readonly publicKey: string;
}

const KEY_TYPE = "ssh-ed25519";
const PEM_COLUMNS = 70;
/** The least block that padding fills, where nothing is encrypted. */
const BLOCK_BYTES = 8;

/**
 * Makes an Ed25519 host key. The host does it, not the guest: a guest continued from a template would have to be trusted
 * with its randomness first, and takes longer.
 *
 * @param comment - the last word of the public line; without line breaks.
 */
export function makeSshHostKey(comment: string): SshHostKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d, x } = privateKey.export({ format: "jwk" });
  return encodeSshHostKey(Buffer.from(d ?? "", "base64url"), Buffer.from(x ?? "", "base64url"), comment);
}

/** See PROTOCOL.key of OpenSSH: "openssh-key-v1", neither encrypted nor protected by a passphrase. */
function encodeSshHostKey(seed: Buffer, point: Buffer, comment: string): SshHostKey {
  const publicBlob = Buffer.concat([lengthPrefixed(KEY_TYPE), lengthPrefixed(point)]);
  // Both numbers are the same: whoever decrypts a key sees by that whether the passphrase was right.
  const check = randomBytes(4);
  const secret = Buffer.concat([
    check,
    check,
    publicBlob,
    lengthPrefixed(Buffer.concat([seed, point])),
    lengthPrefixed(comment),
  ]);
  const none = lengthPrefixed("none");
  const container = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    none,
    none,
    lengthPrefixed(""),
    uint32(1),
    lengthPrefixed(publicBlob),
    lengthPrefixed(Buffer.concat([secret, padding(secret.length)])),
  ]);
  const lines = container.toString("base64").match(new RegExp(`.{1,${PEM_COLUMNS}}`, "g")) ?? [];
  return {
    privateKey: ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n"),
    publicKey: `${KEY_TYPE} ${publicBlob.toString("base64")} ${comment}\n`,
  };
}

/** 1, 2, 3 … up to the next whole block. */
function padding(sizeBytes: number): Buffer {
  const missing = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.from(Array.from({ length: missing }, (_, index) => index + 1));
}

function lengthPrefixed(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
