import type { Backend } from "../backends/backend.ts";
import type { BackendName } from "../config/vm-config.ts";
import { ValidationError } from "../errors/smolvm-error.ts";

/**
 * The backend for a new VM: the argument, else `$SMOLVM_BACKEND`, else the first registered one.
 *
 * @throws {ValidationError} `INVALID_OPTION` for a name that is none, `UNSUPPORTED` for one that this release lacks.
 */
export function chooseBackend(
  wanted: string | undefined,
  backends: ReadonlyMap<BackendName, Backend>,
  env: NodeJS.ProcessEnv = process.env,
): Backend {
  const name = wanted === undefined || wanted === "auto" ? env["SMOLVM_BACKEND"] || "auto" : wanted;
  const backend = name === "auto" ? backends.values().next().value : backends.get(name as BackendName);
  if (backend !== undefined) return backend;
  const available = ["auto", ...backends.keys()].join(", ");
  throw name === "firecracker"
    ? new ValidationError(
        "UNSUPPORTED",
        `the backend "firecracker" is not part of this release; available: ${available}`,
      )
    : new ValidationError("INVALID_OPTION", `backend must be one of ${available}, got ${JSON.stringify(name)}`);
}
