/** Where a VMM keeps the guest's memory: one mapping of its process. */
export interface MemoryRegion {
  readonly pid: number;
  /** First byte of the mapping in the process. */
  readonly address: bigint;
  readonly sizeBytes: number;
}
