import type { VMRecord } from "../../state/vm-record.ts";
import type { ManagerContext } from "../context.ts";
import { requestBackground } from "./background-jobs.ts";

/** Has the template made from which the next VM like this one can continue: from a second VM, as this one is its user's. */
export function requestTemplate(context: ManagerContext, { config, imageId }: VMRecord): void {
  if (imageId === null) return;
  const { vcpuCount, memoryMiB, diskMiB, bootArgs, backend, networkMode: network } = config;
  // By its id: a name may stand for another image in a moment.
  const shape = { image: imageId, vcpuCount, memoryMiB, diskMiB, bootArgs, backend, network };
  requestBackground(context, { kind: "template", config: shape });
}
