import { basename } from "node:path";
import { ImageError } from "../errors/smolvm-error.ts";

/** A module that an initramfs is to hold. An optional one that does not exist is left out. */
export interface WantedModule {
  readonly name: string;
  readonly optional?: boolean;
}

/** Where a module is found and what it needs. */
export interface KernelModule {
  readonly name: string;
  /** Path below the directory of the kernel's modules, as in `kernel/drivers/virtio/virtio.ko.xz`. */
  readonly path: string;
  /** Names of the modules that it uses directly, or of all that it uses: both resolve alike. */
  readonly dependencies: readonly string[];
}

/** Answers with the module of a name, or undefined when the kernel has none; names are normalised. */
export type FindModule = (name: string) => Promise<KernelModule | undefined>;

/** The name of a module file as the kernel writes it: without directory and suffixes, and `-` as `_`. */
export function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}

/**
 * Reads `modules.dep`: one line a module, `path: path…` with the modules that it needs.
 *
 * Format: modules.dep(5) of kmod.
 */
export function parseModulesDep(text: string): Map<string, KernelModule> {
  const modules = new Map<string, KernelModule>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === -1) continue;
    const path = line.slice(0, colon).trim();
    const needed = line
      .slice(colon + 1)
      .split(/\s+/)
      .filter((word) => word !== "");
    modules.set(moduleName(path), { name: moduleName(path), path, dependencies: needed.map(moduleName) });
  }
  return modules;
}

/** Reads `modules.builtin` (one path a line) to the names of what is linked into the kernel. */
export function parseModulesBuiltin(text: string): Set<string> {
  return new Set(
    text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => moduleName(line.trim())),
  );
}

/**
 * Puts the wanted modules and all they need into an order in which they can be loaded: each after what it needs, else
 * in the order of `wanted`. What is built into the kernel is left out.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` that names the module which is missing, or the cycle.
 */
export async function resolveModules(
  wanted: readonly WantedModule[],
  find: FindModule,
  builtin: ReadonlySet<string>,
): Promise<KernelModule[]> {
  const order = new Map<string, KernelModule>();
  const visit = async (name: string, path: readonly string[]): Promise<void> => {
    if (builtin.has(name) || order.has(name)) return;
    if (path.includes(name)) {
      throw new ImageError("IMAGE_BUILD_FAILED", `kernel modules need each other: ${[...path, name].join(" → ")}`);
    }
    const found = await find(name);
    if (found === undefined) throw missingModule(name, path);
    for (const dependency of found.dependencies) await visit(dependency, [...path, name]);
    order.set(name, found);
  };
  for (const { name: givenName, optional } of wanted) {
    const name = moduleName(givenName);
    if (optional && !builtin.has(name) && (await find(name)) === undefined) continue;
    await visit(name, []);
  }
  return [...order.values()];
}

function missingModule(name: string, path: readonly string[]): ImageError {
  const user = path.at(-1);
  const reason = user === undefined ? "the guest needs" : `the module "${user}" needs`;
  return new ImageError("IMAGE_BUILD_FAILED", `the kernel has no module "${name}", which ${reason}`, {
    hint: "Use a kernel with virtio drivers, such as Debian's linux-image-cloud packages.",
    details: { module: name },
  });
}
