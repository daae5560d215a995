import type { Connect } from "../connect.ts";

/** The files of one VM, as `vm.files`. */
export class VMFiles {
  readonly #connect: Connect;

  /** @internal */
  constructor(connect: Connect) {
    this.#connect = connect;
  }
}
