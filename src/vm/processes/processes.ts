import type { Connect } from "../connect.ts";

/** The detached processes of one VM, as `vm.processes`. */
export class VMProcesses {
  readonly #connect: Connect;

  /** @internal */
  constructor(connect: Connect) {
    this.#connect = connect;
  }
}
