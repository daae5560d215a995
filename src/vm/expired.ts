import { SmolVMError, VMNotFoundError } from "../errors/smolvm-error.ts";
import type { VMInfo } from "../config/vm-info.ts";

/** Has what was cut off because the VM's time was up say so. */
export async function unlessExpired<Value>({ vmId, expiresAt }: VMInfo, work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    const isCutOff = cause instanceof SmolVMError && cause.code === "CHANNEL_BROKEN";
    if (!isCutOff || expiresAt === null || expiresAt.getTime() > Date.now()) throw cause;
    throw new VMNotFoundError(vmId, { expiredAt: expiresAt, cause });
  }
}
