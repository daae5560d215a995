import { HostError } from "../errors/smolvm-error.ts";
import { checkPrerequisites } from "../host/prerequisites.ts";

/** What a build starts itself; what compiles the guest agent is needed only where it is not there yet. */
const TOOLS = new Set(["mmdebstrap", "apt-get", "dpkg-deb", "mkfs.ext4", "xz", "tar"]);

/**
 * Demands that all programs of a Debian build are installed, before any work is done.
 *
 * @throws {HostError} `PREREQUISITE_MISSING` that names all that are missing and the commands which install them.
 */
export async function assertBuildTools(signal: AbortSignal | undefined): Promise<void> {
  const reports = await checkPrerequisites({ purposes: ["image"], versions: false, ...(signal ? { signal } : {}) });
  const missing = reports.filter((report) => TOOLS.has(report.name) && !report.ok);
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  throw new HostError("PREREQUISITE_MISSING", `an image cannot be built without ${names.join(", ")}`, {
    hint: `Install them: ${missing.map(({ installCommand }) => installCommand).join("; ")}`,
    details: { missing: names },
  });
}
