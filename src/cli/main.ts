#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// Before the first import of anything large: the second start then loads compiled code.
enableCompileCache();
const { runCli } = await import("./run-cli.ts");
await runCli(process.argv);
