import type { BuildProgress } from "../images/debian-image.ts";
import { note } from "./notes.ts";

/** Shows the progress of an image build on stderr. */
export function printBuildProgress({ phase, message, durationMs }: BuildProgress): void {
  const time = durationMs === undefined ? "" : ` (${(durationMs / 1000).toFixed(1)} s)`;
  note(`image: ${phase}: ${message}${time}`);
}
