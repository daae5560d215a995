/** Shows what the library warns of as one line, without Node's own prefix and hints. */
export function printWarningsAsNotes(): void {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name === "SmolVMWarning") note(warning.message);
  });
}

/** A line for people, beside the output that programs read. */
export function note(message: string): void {
  process.stderr.write(`smolvm: ${message}\n`);
}
