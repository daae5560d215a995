import { resolveImageDir } from "../../src/host/paths.ts";
import { buildDebianImage } from "../../src/images/debian-image.ts";
import { ImageStore } from "../../src/images/image-store.ts";
import { AGENT_PATH } from "./agent.ts";
import type { StepOutcome, StepProgress } from "./steps.ts";

/** Builds the default image, unless the image directory has one of the same recipe and guest agent. */
export async function ensureImage(progress: StepProgress): Promise<StepOutcome> {
  let built = false;
  const image = await buildDebianImage({
    store: new ImageStore(resolveImageDir()),
    agentPath: AGENT_PATH,
    onProgress: ({ message }) => {
      built = true;
      progress(message);
    },
  });
  const { name, id } = image.manifest;
  return built ? { done: `built ${name} ${id.slice(0, 12)}` } : { skipped: "up to date" };
}
