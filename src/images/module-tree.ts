import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { decompress, identifyCompression } from "./decompress.ts";
import { readElfSection } from "./elf.ts";
import {
  type FindModule,
  type KernelModule,
  moduleName,
  parseModulesBuiltin,
  parseModulesDep,
} from "./module-graph.ts";

/** The modules of one kernel, in a directory such as `/lib/modules/6.1.0-13-cloud-amd64`. */
export interface ModuleTree {
  readonly find: FindModule;
  readonly builtin: ReadonlySet<string>;
  /** The uncompressed bytes of a module. */
  readonly read: (module: KernelModule) => Promise<Buffer>;
}

/**
 * Opens a kernel's directory of modules.
 *
 * Dependencies come from `modules.dep` where it exists. A package that was unpacked but not installed has none (depmod
 * writes it at installation); they then come from where depmod's own knowledge agrees with it: the `depends=` entries
 * that the kernel's build wrote into each module.
 *
 * @throws the file system's error when the directory cannot be read.
 */
export async function openModuleTree(
  modulesDir: string,
  options: { readonly workDir: string; readonly signal?: AbortSignal },
): Promise<ModuleTree> {
  const read = async (module: Pick<KernelModule, "path">): Promise<Buffer> => {
    const bytes = await readFile(join(modulesDir, module.path));
    const compression = identifyCompression(bytes);
    return compression === undefined ? bytes : await decompress(bytes, compression, options);
  };
  const [builtin, dependencyList] = await Promise.all([
    readTextIfPresent(join(modulesDir, "modules.builtin")),
    readTextIfPresent(join(modulesDir, "modules.dep")),
  ]);
  const find =
    dependencyList === undefined ? await findByModinfo(modulesDir, read) : findIn(parseModulesDep(dependencyList));
  return { find, read, builtin: parseModulesBuiltin(builtin ?? "") };
}

function findIn(modules: ReadonlyMap<string, KernelModule>): FindModule {
  return async (name) => modules.get(name);
}

async function findByModinfo(
  modulesDir: string,
  read: (module: Pick<KernelModule, "path">) => Promise<Buffer>,
): Promise<FindModule> {
  const files = await readdir(modulesDir, { recursive: true });
  const paths = new Map(files.filter((path) => /\.ko(\.\w+)?$/.test(path)).map((path) => [moduleName(path), path]));
  return async (name) => {
    const path = paths.get(name);
    if (path === undefined) return undefined;
    return { name, path, dependencies: readDependencies(await read({ path })) };
  };
}

/**
 * The names in the `depends=` entry of a module's `.modinfo` section: NUL-terminated `key=value` strings.
 *
 * @throws {RangeError} when the bytes are no ELF file.
 */
export function readDependencies(module: Buffer): string[] {
  const info = readElfSection(module, ".modinfo")?.toString("latin1") ?? "";
  const entry = info.split("\0").find((text) => text.startsWith("depends="));
  const names = entry?.slice("depends=".length).split(",") ?? [];
  return names.filter((name) => name !== "").map(moduleName);
}

async function readTextIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
