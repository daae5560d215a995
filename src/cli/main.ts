#!/usr/bin/env node
import { useCompileCache } from "./compile-cache.ts";

// Before the first import of anything large: the second start then loads compiled code.
useCompileCache();
const { runCli } = await import("./run-cli.ts");
await runCli(process.argv);
