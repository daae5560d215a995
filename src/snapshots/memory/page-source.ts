/** A file in which data of pages lies. */
export interface PageSource {
  /** Fills `target` with what lies from this byte of the file on. */
  read(target: Buffer, offset: number): Promise<void>;
}
