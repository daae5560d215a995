import { INDEX_MAY_IMPORT, IO_MODULES, MAY_IMPORT, MODULE_OWNERS, PURE_FILES } from "./import-directions.ts";

interface Pattern {
  readonly regex: string;
  readonly message: string;
}

interface Override {
  readonly files: string[];
  readonly rules: Record<string, ["error", { patterns: Pattern[] }]>;
}

const UP = String.raw`^(?:\./)?(?:\.\./)+`;

/**
 * The overrides of `no-restricted-imports` that hold the table of import directions.
 *
 * Of several overrides that match a file the last one counts, so each of them carries all that its files must keep.
 *
 * @param rooms - the folders that `src/` has
 * @param backends - the folders that `src/backends/` has
 */
export function importRules(rooms: readonly string[], backends: readonly string[]): Override[] {
  const unknown = rooms.filter((room) => MAY_IMPORT[room] === undefined);
  if (unknown.length > 0) {
    throw new Error(`src/${unknown.join(", src/")}: not in the table of scripts/check/import-directions.ts`);
  }
  const all = Object.keys(MAY_IMPORT);
  const except = (allowed: readonly string[]): string[] => all.filter((room) => !allowed.includes(room));

  const foreign = (room: string, allowed: readonly string[]): Pattern[] => [
    ...except([room, ...allowed]).map((other) => ({
      regex: `${UP}${other}(?:/|$)`,
      message: `src/${room} may not import src/${other} (scripts/check/import-directions.ts)`,
    })),
    { regex: `${UP}(?:test|bench|scripts|dist)/`, message: "src imports src only" },
    { regex: `${UP}index\\.ts$`, message: "import the file that holds the thing, not src/index.ts" },
    ...Object.entries(MODULE_OWNERS)
      .filter(([, owners]) => !owners.includes(room))
      .map(([name, owners]) => nodeModule(name, `node:${name} belongs to src/${owners.join(" and src/")}`)),
    ...(room === "manager" ? [] : concrete(backends)),
  ];

  const perRoom = all.map((room) => override([`src/${room}/**/*.ts`], foreign(room, MAY_IMPORT[room] ?? [])));
  const perBackend = backends.map((name) =>
    override(
      [`src/backends/${name}/**/*.ts`],
      [
        ...foreign("backends", MAY_IMPORT["backends"] ?? []),
        ...backends
          .filter((other) => other !== name)
          .map((other) => ({ regex: `${UP}${other}/`, message: `the backend ${name} may not import ${other}` })),
      ],
    ),
  );
  const pure = PURE_FILES.map((glob) => {
    const room = glob.split("/")[1] ?? "";
    return override(
      [glob],
      [
        ...foreign(room, ["config", "errors"]),
        ...IO_MODULES.map((name) => nodeModule(name, "this file computes: it does no I/O")),
      ],
    );
  });
  const index = override(
    ["src/index.ts"],
    except(INDEX_MAY_IMPORT).map((room) => ({
      regex: `^\\./${room}/`,
      message: `src/index.ts may not export from src/${room}`,
    })),
  );
  return [...perRoom, ...perBackend, ...pure, index];
}

function override(files: string[], patterns: Pattern[]): Override {
  return { files, rules: { "no-restricted-imports": ["error", { patterns }] } };
}

function nodeModule(name: string, message: string): Pattern {
  return { regex: `^(?:node:)?${name}(?:/|$)`, message };
}

/** Only the manager says which backends there are; `src/backends/*.ts` sees them as `./qemu/`. */
function concrete(backends: readonly string[]): Pattern[] {
  return backends.map((name) => ({
    regex: `^(?:\\./|(?:\\.\\./)+backends/)${name}/`,
    message: `only src/manager names the backend ${name}`,
  }));
}
