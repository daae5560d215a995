import { createHash } from "node:crypto";
import { cpuIdentity } from "../host/cpu-identity.ts";
import type { TemplateShape } from "./template.ts";

/** Of a template's files; another one makes new templates. */
const FORMAT = 3;

/**
 * The name of the template that VMs of this shape can continue from: a digest of all that must match.
 *
 * @param stateIdentity - what the backend says of its program and machine.
 */
export function templateKey(shape: TemplateShape, stateIdentity: string): string {
  const parts = [FORMAT, shape, stateIdentity, cpuIdentity()];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
