import type { KnipConfig } from "knip";

const config: KnipConfig = {
  entry: [
    "src/index.ts",
    "src/cli/main.ts",
    "scripts/*.ts",
    "scripts/check/examples.ts",
    "test/**/*.test.ts",
    // Programs that tests start.
    "test/support/*-main.ts",
    "test/support/event-reporter.ts",
    "bench/*.ts",
  ],
  project: ["src/**/*.ts", "test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts"],
  // Programs of the host: src/host/prerequisite-table.ts lists them.
  exclude: ["binaries"],
  // Started by scripts/check.ts by their names.
  ignoreDependencies: ["publint", "@arethetypeswrong/cli"],
  ignoreExportsUsedInFile: true,
};

export default config;
