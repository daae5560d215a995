import { createHash, randomBytes } from "node:crypto";
import { type Dirent, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { problemOf as problemOfFile, stampOf } from "../host/file-stamp.ts";
import { makePrivateDir } from "../host/paths.ts";
import { acquireLock } from "../process/claim-lock.ts";
import { debugLog } from "../process/debug-log.ts";
import { identifySelf, isProcessAlive, type ProcessIdentity } from "../process/process-identity.ts";
import { parseTemplateManifest, type Template, type TemplateShape } from "./template.ts";

const MANIFEST = "template.json";
const STAGING_PREFIX = ".staging-";
const REMOVING_PREFIX = ".removing-";
const MAKER = "maker.json";

/** A directory in which a template is being made; nobody else uses it. */
export interface StagedTemplate {
  readonly dir: string;
  readonly memoryPath: string;
  readonly statePath: string;
  readonly diskPath: string;
}

/**
 * The templates of one data directory. A template is whole from the moment it can be found, and is never written to
 * afterwards; VMs map its memory and have its disk below their own.
 */
export class TemplateStore {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /**
   * The template of this key. One whose files are not what they were is dropped, and not found.
   */
  async find(key: string): Promise<Template | undefined> {
    for (const { name } of this.#entries()) {
      const template = name.startsWith(templatePrefix(key)) ? this.#read(name) : undefined;
      if (template?.manifest.key !== key) continue;
      const problem = await problemOf(template);
      if (problem === undefined) return template;
      debugLog("template.dropped", { name, problem });
      await this.retire(name);
    }
    return undefined;
  }

  /** All templates, without a look at their files. */
  list(): readonly Template[] {
    return this.#entries().flatMap(({ name }) => this.#read(name) ?? []);
  }

  /** Waits until this process alone may make the template of this key. */
  async lock(key: string, signal?: AbortSignal): Promise<AsyncDisposable> {
    makePrivateDir(this.dir);
    return await acquireLock(join(this.dir, ".locks", key), { signal });
  }

  /** A new directory to make a template in. */
  async stage(): Promise<StagedTemplate> {
    makePrivateDir(this.dir);
    const dir = join(this.dir, `${STAGING_PREFIX}${randomBytes(6).toString("hex")}`);
    await mkdir(dir, { mode: 0o700 });
    await writeFile(join(dir, MAKER), JSON.stringify(identifySelf()), { mode: 0o600 });
    return { dir, ...filesIn(dir) };
  }

  /** Seals what was staged and gives it its name. The caller holds the lock. */
  async publish(staged: StagedTemplate, key: string, shape: TemplateShape): Promise<Template> {
    for (const path of [staged.memoryPath, staged.statePath, staged.diskPath]) await chmod(path, 0o400);
    const manifest = {
      formatVersion: 1,
      key,
      createdAt: new Date().toISOString(),
      shape,
      memory: stampOf(staged.memoryPath),
      disk: stampOf(staged.diskPath),
      state: { sha256: digest(await readFile(staged.statePath)) },
    } as const;
    await writeFile(join(staged.dir, MANIFEST), JSON.stringify(manifest, undefined, 2), { mode: 0o400 });
    await rm(join(staged.dir, MAKER));
    const name = `${templatePrefix(key)}${randomBytes(4).toString("hex")}`;
    const dir = join(this.dir, name);
    await rename(staged.dir, dir);
    return { name, manifest, dir, ...filesIn(dir) };
  }

  /**
   * No VM starts from it any more. Its disk and memory stay until {@link sweep}, since disks of VMs and snapshots may lie on
   * them.
   */
  async retire(name: string): Promise<void> {
    const { statePath } = filesIn(join(this.dir, name));
    for (const path of [join(this.dir, name, MANIFEST), statePath]) await rm(path, { force: true });
  }

  /** Where the memory of a template lies, whether or not VMs still start from it. */
  memoryPath(name: string): string {
    return filesIn(join(this.dir, name)).memoryPath;
  }

  /** Where the disk of a template lies, whether or not VMs still start from it. */
  diskPath(name: string): string {
    return filesIn(join(this.dir, name)).diskPath;
  }

  /** Removes the directories of retired templates whose disk no VM uses. */
  sweep(isUsed: (name: string) => boolean): void {
    for (const { name } of this.#entries()) {
      if (this.#read(name) !== undefined || isUsed(name)) continue;
      const aside = join(this.dir, `${REMOVING_PREFIX}${name}`);
      renameSync(join(this.dir, name), aside);
      // A VM may have said in between that it uses the template: it looks for the disk after it has said so.
      if (isUsed(name)) renameSync(aside, join(this.dir, name));
      else rmSync(aside, { recursive: true, force: true });
    }
  }

  /** Directories in which templates were being made when their maker died, or which were being removed. */
  abandoned(): readonly string[] {
    return this.#all()
      .map(({ name }) => join(this.dir, name))
      .filter((dir) => basename(dir).startsWith(REMOVING_PREFIX) || (isStaging(dir) && !isMakerAlive(dir)));
  }

  #read(name: string): Template | undefined {
    const dir = join(this.dir, name);
    try {
      const manifest = parseTemplateManifest(readFileSync(join(dir, MANIFEST), "utf8"));
      return manifest === undefined ? undefined : { name, manifest, dir, ...filesIn(dir) };
    } catch {
      return undefined; // there is none
    }
  }

  #entries(): readonly Dirent[] {
    return this.#all().filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  }

  #all(): readonly Dirent[] {
    try {
      return readdirSync(this.dir, { withFileTypes: true });
    } catch {
      return []; // never made
    }
  }
}

/** What the names of all templates of a key begin with. */
export function templatePrefix(key: string): string {
  return `${key.slice(0, 32)}-`;
}

function isStaging(dir: string): boolean {
  return basename(dir).startsWith(STAGING_PREFIX);
}

function isMakerAlive(dir: string): boolean {
  try {
    const { pid = 0, birth = "" } = JSON.parse(readFileSync(join(dir, MAKER), "utf8")) as Partial<ProcessIdentity>;
    return isProcessAlive({ pid, birth });
  } catch {
    return false; // a maker that lives has said so
  }
}

function filesIn(dir: string): Omit<StagedTemplate, "dir"> {
  return { memoryPath: join(dir, "memory"), statePath: join(dir, "state"), diskPath: join(dir, "disk.qcow2") };
}

async function problemOf({ manifest, memoryPath, statePath, diskPath }: Template): Promise<string | undefined> {
  const memory = problemOfFile(memoryPath, manifest.memory);
  if (memory !== undefined) return `its memory ${memory}`;
  const disk = problemOfFile(diskPath, manifest.disk);
  if (disk !== undefined) return `its disk ${disk}`;
  try {
    return digest(await readFile(statePath)) === manifest.state.sha256 ? undefined : "its state is damaged";
  } catch (error) {
    return (error as Error).message;
  }
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
