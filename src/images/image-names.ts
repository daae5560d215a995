import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { ValidationError } from "../errors/smolvm-error.ts";
import { isImageName } from "./image.ts";
import { writeFileAtomically } from "./image-files.ts";

/** Which image each name stands for: files `names/NAME` in a store, each with an id. */
export class ImageNames {
  readonly #dir: string;

  constructor(imageDir: string) {
    this.#dir = join(imageDir, "names");
  }

  async get(name: string): Promise<string | undefined> {
    try {
      const id = (await readFile(join(this.#dir, name), "utf8")).trim();
      return /^[0-9a-f]{64}$/.test(id) ? id : undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async set(name: string, id: string): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    await writeFileAtomically(join(this.#dir, name), `${id}\n`);
  }

  async delete(name: string): Promise<void> {
    await rm(join(this.#dir, name), { force: true });
  }

  /** All names with their ids. */
  async all(): Promise<Map<string, string>> {
    // A file being replaced has a temporary one beside it, which must not count as a name.
    const names = (await readdirIfPresent(this.#dir)).filter((name) => isImageName(name) && !name.endsWith(".tmp"));
    const pairs = await Promise.all(names.map(async (name) => [name, await this.get(name)] as const));
    return new Map(pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
  }
}

/**
 * Demands that a text can name an image.
 *
 * @throws {ValidationError} `INVALID_OPTION`.
 */
export function assertImageName(name: string): void {
  if (isImageName(name)) return;
  throw new ValidationError(
    "INVALID_OPTION",
    `expected an image's name (1 to 63 of a-z 0-9 . _ -) or id, got ${JSON.stringify(name)}`,
  );
}

/** The names in a directory; none when it does not exist. */
export async function readdirIfPresent(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
