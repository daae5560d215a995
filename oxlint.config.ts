import { readdirSync } from "node:fs";
import { defineConfig, type OxlintConfig } from "oxlint";
import { importRules } from "./scripts/check/import-rules.ts";

const folders = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

const config: OxlintConfig = defineConfig({
  plugins: ["eslint", "typescript", "unicorn", "oxc", "import", "node", "promise"],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: "error" },
  ignorePatterns: ["/dist", "/guest", "/node_modules"],
  env: { node: true, es2024: true },
  categories: { correctness: "error", suspicious: "error" },
  rules: {
    // Promises: none is forgotten, none is passed where nobody waits for it.
    "typescript/no-floating-promises": [
      "error",
      {
        // The runner itself waits for these and reports what they reject with.
        allowForKnownSafeCalls: [
          {
            from: "package",
            package: "node:test",
            name: ["test", "it", "describe", "suite", "before", "after", "beforeEach", "afterEach"],
          },
        ],
      },
    ],
    "typescript/no-misused-promises": "error",
    "typescript/await-thenable": "error",
    "typescript/return-await": ["error", "error-handling-correctness-only"],
    "typescript/only-throw-error": "error",
    // Types
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "typescript/no-explicit-any": "error",
    "typescript/consistent-type-imports": ["error", { fixStyle: "separate-type-imports" }],
    "typescript/no-unsafe-type-assertion": "off",
    // Imports
    "import/no-cycle": ["error", { ignoreTypes: true }],
    "import/no-default-export": "error",
    "import/extensions": "off",
    "import/no-unassigned-import": "off",
    "unicorn/prefer-node-protocol": "error",
    // The rest
    eqeqeq: "error",
    "no-var": "error",
    "prefer-const": "error",
    "no-empty": "error",
    "no-console": "error",
    "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    // Waiting in turn is what most loops here are for: steps, retries, streams.
    "no-await-in-loop": "off",
    "no-shadow": "off",
    // Does not see that a callback changes the variable while the loop waits.
    "no-unmodified-loop-condition": "off",
    "no-underscore-dangle": "off",
    "unicorn/no-array-sort": "error",
    "unicorn/consistent-function-scoping": "off",
    // `...["-m", size]` keeps an option and its value on one line.
    "unicorn/no-useless-spread": "off",
    "typescript/consistent-return": "off",
    "promise/always-return": "off",
    "promise/prefer-await-to-then": "off",
  },
  overrides: [
    ...importRules(folders("src"), folders("src/backends")),
    // Programs for people write to the terminal.
    {
      files: ["src/cli/**", "scripts/**", "test/run.ts", "test/support/**", "bench/**"],
      rules: { "no-console": "off" },
    },
    { files: ["*.config.ts", "test/support/event-reporter.ts"], rules: { "import/no-default-export": "off" } },
  ],
});

export default config;
