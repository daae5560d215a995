import { join } from "node:path";
import type { Backend } from "../backends/backend.ts";
import type { BackendName } from "../config/vm-config.ts";
import { makePrivateDir } from "../host/paths.ts";
import type { ImageStore } from "../images/image-store.ts";
import { Database } from "../state/database.ts";
import type { LayerManifest } from "../snapshots/layer.ts";
import { LayerRepository } from "../state/layer-repository.ts";
import { SnapshotRepository } from "../state/snapshot-repository.ts";
import type { SnapshotDefinition } from "./snapshots/snapshot-definition.ts";
import { LeaseRepository } from "../state/lease-repository.ts";
import { PoolRepository } from "../state/pool-repository.ts";
import { VMRepository } from "../state/vm-repository.ts";
import { TemplateStore } from "../templates/template-store.ts";
import { DISK_DIR, LAYER_DIR, TEMPLATE_DIR, VM_DIR, vmPaths } from "./vm-files.ts";
import type { VMRecord } from "../state/vm-record.ts";
import type { VmmPaths } from "../backends/backend.ts";

/** What every operation of a manager works with. */
export interface ManagerContext extends Disposable {
  readonly dataDir: string;
  readonly socketDir: string;
  readonly vms: VMRepository;
  readonly leases: LeaseRepository;
  readonly pools: PoolRepository;
  readonly images: ImageStore;
  readonly templates: TemplateStore;
  readonly layers: LayerRepository<LayerManifest>;
  readonly snapshots: SnapshotRepository<SnapshotDefinition>;
  /** Directory of the saved memory of VMs, with an entry per layer. */
  readonly layerDir: string;
  readonly backends: ReadonlyMap<BackendName, Backend>;
}

/** Opens (and on first use makes) the data directory. */
export function openContext(options: {
  readonly dataDir: string;
  readonly socketDir: string;
  readonly images: ImageStore;
  readonly backends: ReadonlyMap<BackendName, Backend>;
}): ManagerContext {
  makePrivateDir(options.dataDir);
  makePrivateDir(join(options.dataDir, DISK_DIR));
  makePrivateDir(join(options.dataDir, VM_DIR));
  const database = new Database(join(options.dataDir, "smolvm.db"));
  return {
    ...options,
    vms: new VMRepository(database),
    leases: new LeaseRepository(database),
    pools: new PoolRepository(database),
    templates: new TemplateStore(join(options.dataDir, TEMPLATE_DIR)),
    layers: new LayerRepository(database),
    snapshots: new SnapshotRepository(database),
    layerDir: join(options.dataDir, LAYER_DIR),
    [Symbol.dispose]: () => database[Symbol.dispose](),
  };
}

/** The files of a VM that exists. */
export function pathsOf(context: ManagerContext, record: VMRecord): VmmPaths {
  return vmPaths(context.dataDir, record.home, record.socketDir);
}

/** The backend that a VM was created for. */
export function backendOf(context: ManagerContext, record: Pick<VMRecord, "backend">): Backend {
  const backend = context.backends.get(record.backend);
  if (backend === undefined) throw new TypeError(`no backend is registered as ${record.backend}`);
  return backend;
}
