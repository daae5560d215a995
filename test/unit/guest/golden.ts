import { readFileSync } from "node:fs";

/** One example of `guest/golden/frames.txt`. */
export interface GoldenFrame {
  readonly name: string;
  readonly type: string;
  readonly id: number;
  readonly stream: number;
  /** `NAME=value` in the order of the payload. */
  readonly parts: readonly (readonly [name: string, value: string])[];
  readonly bytes: Buffer;
}

export function readGoldenFrames(): GoldenFrame[] {
  const text = readFileSync(new URL("../../../guest/golden/frames.txt", import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [name, canonical, hex] = line.split(" | ");
      const [type, id, stream, ...parts] = canonical!.split(" ");
      const pairs = parts.map((part) => part.split("=") as [string, string]);
      return {
        name: name!,
        type: type!,
        id: Number(id),
        stream: Number(stream),
        parts: pairs,
        bytes: Buffer.from(hex!, "hex"),
      };
    });
}
