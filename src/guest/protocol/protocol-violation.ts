import { SmolVMError } from "../../errors/smolvm-error.ts";

/** What the guest sent is not the protocol. The channel that receives it closes with this error's code and message. */
export function protocolViolation(message: string): SmolVMError {
  return new SmolVMError("PROTOCOL_ERROR", message);
}
