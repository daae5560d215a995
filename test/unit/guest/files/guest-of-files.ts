import { SmolVMError } from "../../../../src/errors/smolvm-error.ts";
import { VMFiles } from "../../../../src/vm/files/files.ts";
import { GuestChannel } from "../../../../src/guest/index.ts";
import { type Field, FieldReader } from "../../../../src/guest/protocol/fields.ts";
import { encodeDataFrame, encodeEmptyFrame, encodeFieldsFrame } from "../../../../src/guest/protocol/frame-encoder.ts";
import { FrameType, Stream, Tag } from "../../../../src/guest/protocol/frame-types.ts";
import { ScriptedGuest } from "../scripted-guest.ts";

/** A guest whose answers about files a test decides. */
export class GuestOfFiles implements AsyncDisposable {
  readonly guest: ScriptedGuest;
  readonly channel: GuestChannel;
  readonly files: VMFiles;
  #seen = 0;

  private constructor(guest: ScriptedGuest, channel: GuestChannel) {
    this.guest = guest;
    this.channel = channel;
    this.files = new VMFiles(async () => channel);
  }

  static async start(): Promise<GuestOfFiles> {
    const guest = await ScriptedGuest.start();
    return new GuestOfFiles(guest, await GuestChannel.connect(guest.socketPath));
  }

  /** The next request. */
  async request(): Promise<{ readonly id: number; readonly fields: FieldReader }> {
    this.#seen += 1;
    const { id, payload } = (await this.guest.seen(FrameType.REQUEST, this.#seen))[this.#seen - 1]!;
    return { id, fields: new FieldReader(payload) };
  }

  started(id: number, fields: Parameters<typeof encodeFieldsFrame>[2] = []): void {
    this.guest.send(encodeFieldsFrame(FrameType.STARTED, id, fields));
  }

  output(id: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 65_536) {
      this.guest.send(encodeDataFrame(id, Stream.OUTPUT, bytes.subarray(at, at + 65_536)));
    }
  }

  end(id: number): void {
    this.guest.send(encodeEmptyFrame(FrameType.END, id, Stream.OUTPUT));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel.close();
    await this.guest[Symbol.asyncDispose]();
  }
}

export const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof SmolVMError && error.code === code;

/** The fields of *stat*. */
export const stat = (size: bigint, mode: number = 0o100644): Field[] => [
  { tag: Tag.MODE, value: mode },
  { tag: Tag.SIZE, value: size },
  { tag: Tag.UID, value: 1 },
  { tag: Tag.GID, value: 2 },
  { tag: Tag.MTIME_NS, value: 1_700_000_000_500_000_000n },
  { tag: Tag.CTIME_NS, value: 1_700_000_001_000_000_000n },
  { tag: Tag.INODE, value: 12n },
  { tag: Tag.LINKS, value: 3 },
];

/** The fields of a system call that failed. */
export const system = (errno: number, message: string): Field[] => [
  { tag: Tag.ERRNO, value: errno },
  { tag: Tag.MESSAGE, value: message },
];
