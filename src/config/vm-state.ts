/**
 * The states of a VM.
 *
 * A union of strings with a value of the same name, so that both `VMState.RUNNING` and `"running"` type-check.
 */
export const VMState: {
  /** Defined and its disk made; never started. */
  readonly CREATED: "created";
  /** Its VMM runs and the guest answered. */
  readonly RUNNING: "running";
  /** Its VMM runs, its virtual CPUs do not. */
  readonly PAUSED: "paused";
  /** Shut down; the disk is kept. */
  readonly STOPPED: "stopped";
  /** Its VMM died unasked, or a start failed; the disk is kept and `start()` may be tried again. */
  readonly ERROR: "error";
} = { CREATED: "created", RUNNING: "running", PAUSED: "paused", STOPPED: "stopped", ERROR: "error" };

/** The state of a VM: `"created"`, `"running"`, `"paused"`, `"stopped"` or `"error"`. */
export type VMState = (typeof VMState)[keyof typeof VMState];

/** What a caller can ask of a VM that depends on its state. */
export type VMAction = "start" | "stop" | "pause" | "resume" | "snapshot" | "fork" | "hibernate" | "delete" | "run";

/** For each action, the states in which it does something, and those in which there is nothing left to do. */
export const ALLOWED_STATES: Readonly<
  Record<VMAction, { readonly from: readonly VMState[]; readonly done: readonly VMState[] }>
> = {
  start: { from: [VMState.CREATED, VMState.STOPPED, VMState.ERROR], done: [VMState.RUNNING] },
  stop: { from: [VMState.RUNNING, VMState.PAUSED, VMState.ERROR], done: [VMState.STOPPED, VMState.CREATED] },
  pause: { from: [VMState.RUNNING], done: [VMState.PAUSED] },
  resume: { from: [VMState.PAUSED], done: [VMState.RUNNING] },
  snapshot: { from: [VMState.CREATED, VMState.RUNNING, VMState.PAUSED, VMState.STOPPED], done: [] },
  hibernate: { from: [VMState.RUNNING, VMState.PAUSED], done: [VMState.STOPPED, VMState.CREATED] },
  fork: { from: [VMState.RUNNING, VMState.PAUSED], done: [] },
  delete: { from: [VMState.CREATED, VMState.RUNNING, VMState.PAUSED, VMState.STOPPED, VMState.ERROR], done: [] },
  run: { from: [VMState.RUNNING], done: [] },
};
