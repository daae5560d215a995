import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { REFERENCE } from "../support/reference.ts";
import { REPOSITORY } from "../support/repository.ts";
import { runTool } from "../support/run-tool.ts";

/** One block of code marked `ts`, and where it stands. */
interface Example {
  readonly file: string;
  readonly line: number;
  readonly code: string;
}

const FOLDER = join(REPOSITORY, "node_modules", ".cache", "smolvm-examples");

const paths = [
  ...(await list(REPOSITORY, ".md", false)),
  // The reference is made of TSDoc, whose examples are taken from the sources.
  ...(await list(join(REPOSITORY, "docs"), ".md", true)).filter((path) => !path.startsWith(REFERENCE)),
  ...(await list(join(REPOSITORY, "src"), ".ts", true)),
];
const examples = (await Promise.all(paths.map(extract))).flat();

await rm(FOLDER, { recursive: true, force: true });
await mkdir(FOLDER, { recursive: true });
const places = new Map<string, Example>();
for (const [index, example] of examples.entries()) {
  // In a folder like its own: with `rootDirs`, an example of an inner module may import its neighbours.
  const name = join(dirname(example.file), `example-${index + 1}.mts`);
  places.set(name, example);
  await mkdir(join(FOLDER, dirname(name)), { recursive: true });
  // Each block is a module of its own, also where it neither imports nor exports.
  await writeFile(join(FOLDER, name), `${example.code}\nexport {};\n`);
}
await writeFile(join(FOLDER, "tsconfig.json"), JSON.stringify(tsconfig([...places.keys()]), undefined, 2));

const result = examples.length === 0 ? undefined : await runTool(["tsc", "-p", FOLDER, "--pretty", "false"]);
if (result?.ok === false) {
  console.error(result.output.trimEnd().split("\n").map(locate).join("\n"));
  process.exitCode = 1;
} else {
  console.log(`${examples.length} examples compile`);
}

function tsconfig(names: string[]): unknown {
  return {
    extends: join(REPOSITORY, "tsconfig.json"),
    compilerOptions: {
      rootDir: REPOSITORY,
      rootDirs: [REPOSITORY, FOLDER],
      paths: { smolvm: [join(REPOSITORY, "src", "index.ts")] },
      typeRoots: [join(REPOSITORY, "node_modules", "@types")],
      // What an example declares and does not go on to use is what it shows.
      noUnusedLocals: false,
      isolatedDeclarations: false,
      declaration: false,
    },
    files: names,
    include: [],
  };
}

/** Turns `example-3.mts(4,7): error …` into the file and line where the block stands. */
function locate(message: string): string {
  return message.replace(
    /^\S*?(example-\d+\.mts)\((\d+),(\d+)\)/,
    (whole, name: string, line: string, column: string) => {
      const place = [...places].find(([path]) => basename(path) === name)?.[1];
      return place ? `${place.file}:${place.line + Number(line)}:${column}` : whole;
    },
  );
}

async function list(folder: string, extension: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { recursive, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** Finds fenced `ts` blocks; in sources they stand in comments, behind ` * `. */
async function extract(path: string): Promise<Example[]> {
  const prefix = path.endsWith(".ts") ? /^\s*\* ?/ : /^/;
  const found: Example[] = [];
  let open: { line: number; lines: string[] } | undefined;
  for (const [index, raw] of (await readFile(path, "utf8")).split("\n").entries()) {
    const line = raw.replace(prefix, "");
    if (open === undefined) {
      if (/^```(?:ts|typescript)\s*$/.test(line) && (path.endsWith(".md") || /^\s*\*/.test(raw))) {
        open = { line: index + 1, lines: [] };
      }
    } else if (line.startsWith("```")) {
      found.push({ file: relative(REPOSITORY, path), line: open.line, code: open.lines.join("\n") });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  return found;
}
