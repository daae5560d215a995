import type { Plugin } from "rolldown";

/** `import fs, { readFileSync as read } from "node:fs";` with either part left out. */
const IMPORT = /^import (?:([\w$]+)(?:, )?)?(?:\{ (.+) \})? ?from "(node:[\w/]+)";$/gm;

/**
 * Takes from Node's own modules what is asked for, and no more. An `import` of a single name makes Node read all names of the
 * module; behind some, as in `node:util` and `node:process`, are getters that load other modules and open stdin.
 */
export const leanBuiltins: Plugin = {
  name: "lean-builtins",
  // Lines stay where they are, and with them the source map.
  renderChunk: (code) => ({ code: code.replaceAll(IMPORT, toConstants), map: null }),
};

function toConstants(_line: string, whole: string | undefined, names: string | undefined, module: string): string {
  const builtin = `process.getBuiltinModule("${module}")`;
  const pattern = names === undefined ? [] : [`{ ${names.replaceAll(" as ", ": ")} }`];
  const targets = whole === undefined ? pattern : [whole, ...pattern];
  return `const ${targets.map((target, at) => `${target} = ${at === 0 ? builtin : whole}`).join(", ")};`;
}
