import {
  type ForkOptions,
  type RestoreOptions,
  SmolVM,
  SmolVMError,
  SmolVMManager,
  type SnapshotOptions,
  type VMConfig,
} from "../../src/index.ts";
import { crashAt } from "./crash-points.ts";

/** The program behind `ClientProcess`: executes the calls that come by IPC, in its own process. */
const dataDir = process.argv[2] ?? "";
const manager = new SmolVMManager({ dataDir });
const handles = new Map<string, Promise<SmolVM>>();

const calls = {
  create: (config: VMConfig) => manager.create(config),
  start: (vmId: string) => manager.start(vmId),
  stop: (vmId: string) => manager.stop(vmId),
  delete: (vmId: string) => manager.delete(vmId),
  get: async (vmId: string) => manager.get(vmId),
  pause: (vmId: string) => manager.pause(vmId),
  resume: (vmId: string) => manager.resume(vmId),
  hibernate: (vmId: string) => manager.stop(vmId, { keepMemory: true }),
  snapshot: (vmId: string, options: SnapshotOptions) => manager.snapshot(vmId, options),
  restore: (snapshot: string, options: RestoreOptions) => manager.restore(snapshot, options),
  /** The ids of those that came up. */
  fork: async (vmId: string, options: ForkOptions) => {
    const results = await manager.fork(vmId, options);
    return results.flatMap((result) => (result.status === "fulfilled" ? [result.value.vmId] : []));
  },
  deleteSnapshot: (snapshot: string) => manager.deleteSnapshot(snapshot),
  crashAt: async (count: number) => crashAt(count),
  reconcile: () => manager.reconcile(),
  fillPool: () => manager.pool.fill(),
  launch: async (config: VMConfig) => (await SmolVM.launch({ ...config, dataDir })).info,
  /** Opens the channel and keeps it open. */
  connect: async (vmId: string) => {
    await manager.channel(vmId);
  },
  run: async (vmId: string, command: string) => {
    const { exitCode, stdout, stderr } = await (await handle(vmId)).run(command);
    return { exitCode, stdout, stderr };
  },
  /** Sends and receives as fast as it can until it is killed. */
  flood: async (vmId: string, marker: string) => {
    const stdin = Buffer.alloc(64 * 1024 * 1024, 0x78);
    const vm = await handle(vmId);
    for (;;) await vm.run(["sh", "-c", `: ${marker}; cat`], { stdin, onStdout: () => {} });
  },
};

function handle(vmId: string): Promise<SmolVM> {
  const existing = handles.get(vmId) ?? SmolVM.fromId(vmId, { dataDir });
  handles.set(vmId, existing);
  return existing;
}

interface Call {
  readonly id: number;
  readonly method: keyof typeof calls;
  readonly args: readonly never[];
}

process.on("message", ({ id, method, args }: Call) => {
  const work = async (): Promise<unknown> => await (calls[method] as (...args: readonly never[]) => unknown)(...args);
  work().then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => {
      const { name, message } = error as Error;
      process.send?.({ id, error: { name, message, ...(error instanceof SmolVMError ? { code: error.code } : {}) } });
    },
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.({ id: 0 });
