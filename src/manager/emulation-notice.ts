let announced = false;

/** Tells once a process that guests run under software emulation: slower, and not a hardware isolation boundary. */
export function announceEmulation(reason: string): void {
  if (announced) return;
  announced = true;
  process.emitWarning(
    `VMs run under software emulation (TCG), which is slower than hardware and not a hardware isolation boundary: ${reason}`,
    { type: "SmolVMWarning", code: "SMOLVM_TCG" },
  );
}
