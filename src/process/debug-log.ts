/**
 * Writes one line about what the library does to stderr when `SMOLVM_LOG=debug`; costs a comparison otherwise. Details hold
 * no secrets: never environments, inputs or outputs of commands.
 */
export function debugLog(event: string, details: Readonly<Record<string, unknown>> = {}): void {
  if (process.env["SMOLVM_LOG"] !== "debug") return;
  process.stderr.write(`${new Date().toISOString()} ${event} ${JSON.stringify(details)}\n`);
}
