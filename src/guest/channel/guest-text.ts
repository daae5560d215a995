/** Most characters of a guest's string that enter a message. */
const MAX_CHARACTERS = 400;

/** Control characters, and those that reorder or hide text on a terminal. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** A string of the guest, made fit for messages of the host: one line, no control characters, not long. */
export function cleanGuestText(text: string, maxCharacters: number = MAX_CHARACTERS): string {
  const clean = text
    .slice(0, maxCharacters * 4)
    .replace(UNSAFE, " ")
    .trim();
  return clean.length > maxCharacters ? `${clean.slice(0, maxCharacters)}…` : clean;
}
