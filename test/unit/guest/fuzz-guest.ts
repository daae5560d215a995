import { setImmediate as nextTurn } from "node:timers/promises";

import { FieldReader } from "../../../src/guest/protocol/fields.ts";
import { FrameType } from "../../../src/guest/protocol/frame-types.ts";
import { type Dialogue, honestDialogue } from "./fuzz-dialogues.ts";
import { mutated, strayFrame } from "./fuzz-frames.ts";
import type { ScriptedGuest } from "./scripted-guest.ts";

/** How hostile a guest is: how many of a hundred frames come with a stray one beside them, and how many with changed bytes. */
export interface Hostility {
  readonly strayPercent: number;
  readonly mutatedPercent: number;
}

/** A guest with nothing to say for so many turns hangs up. */
const IDLE_TURNS = 25;
const MAX_FRAMES = 400;

/**
 * Answers requests in frames of their honest dialogues, mixed in an order that the seed decides, and hostile as it is told; then
 * hangs up.
 *
 * @returns all bytes that were sent behind the WELCOME.
 */
export async function playHostileGuest(
  guest: ScriptedGuest,
  random: (below: number) => number,
  { strayPercent, mutatedPercent }: Hostility,
): Promise<Buffer> {
  const sent: Buffer[] = [];
  const dialogues = new Map<number, { readonly dialogue: Dialogue; next: number }>();
  const ids: number[] = [];
  const inputEnds = new Set<number>();
  let seen = 0;
  let idleTurns = 0;
  while (idleTurns < IDLE_TURNS && sent.length < MAX_FRAMES) {
    for (; seen < guest.frames.length; seen++) {
      const { type, id, payload } = guest.frames[seen]!;
      if (type === FrameType.REQUEST) {
        ids.push(id);
        dialogues.set(id, { dialogue: honestDialogue(id, new FieldReader(payload), random), next: 0 });
      } else if (type === FrameType.END || type === FrameType.CANCEL) inputEnds.add(id);
    }
    const frames: Buffer[] = [];
    for (let count = random(4); count >= 0; count--) {
      const ready = [...dialogues].filter(
        ([id, { dialogue, next }]) =>
          next < dialogue.frames.length - 1 || !dialogue.needsInputEnd || inputEnds.has(id) || random(50) === 0,
      );
      const [id, entry] = ready[random(ready.length)] ?? [];
      if (id === undefined || entry === undefined) break;
      const frame = entry.dialogue.frames[entry.next++]!;
      if (entry.next === entry.dialogue.frames.length) dialogues.delete(id);
      frames.push(random(100) < mutatedPercent ? mutated(frame, random) : frame);
      if (random(100) < strayPercent) frames.push(strayFrame(random, ids));
    }
    if (frames.length > 0) guest.send(...frames);
    sent.push(...frames);
    idleTurns = frames.length > 0 ? 0 : idleTurns + 1;
    await nextTurn();
  }
  guest.hangUp();
  return Buffer.concat(sent);
}
