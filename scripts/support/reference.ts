import { join } from "node:path";
import { REPOSITORY } from "./repository.ts";
import { runTool } from "./run-tool.ts";

/** Where the generated reference is kept. */
export const REFERENCE: string = join(REPOSITORY, "docs", "reference");

const GENERATOR = join(REPOSITORY, "scripts", "reference");

/**
 * Makes the reference from the TSDoc of the public exports, in a folder that it replaces. The generator is a package of its
 * own, since it needs an older TypeScript than the project.
 */
export async function generateReference(folder: string): Promise<void> {
  await run(
    join(GENERATOR, "node_modules", ".bin", "typedoc"),
    ...["--options", join(GENERATOR, "typedoc.json"), "--tsconfig", join(GENERATOR, "tsconfig.json")],
    ...["--entryPoints", join(REPOSITORY, "src", "index.ts"), "--out", folder],
  );
}

async function run(...argv: string[]): Promise<void> {
  const result = await runTool(argv);
  if (!result.ok) throw new Error(`${argv[0]} failed:\n${result.output}`);
}
