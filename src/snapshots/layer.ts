import { join } from "node:path";
import type { FileStamp } from "../host/file-stamp.ts";

/** Why a VM was saved. */
export type LayerPurpose = "snapshot" | "fork" | "hibernation";

/** The machine whose memory and devices were saved: they can be continued on one like it only. */
export interface SavedMachine {
  /** Kind of VMM, architecture and devices, in the backend's own words. */
  readonly identity: string;
  /** The VMM's program with its size and times; where it is the same, its version need not be asked for. */
  readonly program: string;
  readonly version: string;
  readonly accelerator: string;
  /** The host's processor, as far as guests see it. */
  readonly cpu: string;
}

/** Memory and devices of a VM at one moment. */
export interface SavedMemory {
  readonly memoryMiB: number;
  /** Whether the machine has a network interface. */
  readonly hasInterface: boolean;
  readonly machine: SavedMachine;
  /** The state of the devices. */
  readonly state: {
    readonly sha256: string;
    readonly sizeBytes: number;
    /** Whether the memory is in it, too, and in no other file. */
    readonly includesMemory: boolean;
  };
  /** The pages in which the memory differs from what lies below: an earlier layer's memory, else `base`, else zeros. */
  readonly pages: { readonly stamp: FileStamp; readonly sha256: string } | null;
  /** The template on whose memory the lowest layer's pages lie. */
  readonly base: { readonly template: string; readonly stamp: FileStamp } | null;
  /** The flat file, where it is what holds the memory: then there are no pages, and nothing lies below. */
  readonly whole?: FileStamp | undefined;
}

/** What is known of a finished layer's files. */
export interface LayerManifest {
  readonly formatVersion: 1;
  readonly purpose: LayerPurpose;
  /** The disk that this layer adds; null: it adds none. */
  readonly disk: FileStamp | null;
  /** null: the disk alone was saved. */
  readonly memory: SavedMemory | null;
}

/** The files of one layer. The disk lies with the disks of VMs, as it was one. */
export interface LayerFiles {
  readonly dir: string;
  readonly pagesPath: string;
  readonly statePath: string;
  /** All of the memory in one file, made at the first start from this layer. */
  readonly memoryPath: string;
}

/** Where the files of a layer are, in the directory of all layers. */
export function layerFiles(layerDir: string, layerId: string): LayerFiles {
  const dir = join(layerDir, layerId);
  return { dir, pagesPath: join(dir, "pages"), statePath: join(dir, "state"), memoryPath: join(dir, "memory") };
}
