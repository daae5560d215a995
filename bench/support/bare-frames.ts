/** Frames of `guest/protocol.md`, made beforehand and without the library's code. */
export const SYNC_WORD: Buffer = Buffer.from("ff534d4f4c564d2d53594e43fec3a5ff", "hex");
export const HEADER_BYTES = 12;

/** What begins a session. */
export const HELLO: Buffer = Buffer.concat([
  SYNC_WORD,
  frame(0, 0x01, Buffer.concat([field(1, u32(1)), field(2, Buffer.alloc(16, 7))])),
]);

/** A REQUEST frame for PING. */
export const PING_FRAME: Buffer = request(1, 1);

/** A REQUEST frame for EXEC of these arguments; with `hasInput`, the command has an input stream. */
export function execFrame(
  argv: readonly string[],
  { id = 1, hasInput = false }: { readonly id?: number; readonly hasInput?: boolean } = {},
): Buffer {
  const args = argv.map((argument) => field(14, Buffer.from(argument)));
  return request(id, 3, ...args, ...(hasInput ? [field(17, u32(1))] : []));
}

/** A REQUEST frame for FILE_READ, with all the credit that there is: the floor waits for nothing. */
export function readFrame(path: string): Buffer {
  return request(1, 16, field(37, Buffer.from(path)), field(5, u32(2 ** 31 - 1)));
}

/** A REQUEST frame for FILE_WRITE. */
export function writeFrame(path: string): Buffer {
  return request(1, 17, field(37, Buffer.from(path)));
}

/** The header of a DATA frame of input. */
export function inputHeader(payloadBytes: number): Buffer {
  return header(1, 0x40, payloadBytes);
}

/** END of the input. */
export const END_FRAME: Buffer = frame(1, 0x41, Buffer.alloc(0));

function request(id: number, method: number, ...fields: readonly Buffer[]): Buffer {
  return frame(id, 0x02, Buffer.concat([field(6, u32(method)), ...fields]));
}

function frame(id: number, type: number, payload: Buffer): Buffer {
  return Buffer.concat([header(id, type, payload.length), payload]);
}

function header(id: number, type: number, payloadBytes: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32BE(payloadBytes, 0);
  bytes.writeUInt32BE(id, 4);
  bytes.writeUInt8(type, 8);
  return bytes;
}

function field(tag: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(tag, 0);
  bytes.writeUInt32BE(value.length, 2);
  return Buffer.concat([bytes, value]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
