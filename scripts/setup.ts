import type { Purpose } from "../src/host/prerequisite-table.ts";
import { runMain } from "./support/run-main.ts";
import { setUp } from "./support/set-up.ts";

const PURPOSES: readonly Purpose[] = ["run", "image", "test"];

await runMain(async () => {
  const wanted = process.argv.slice(2);
  const purposes = PURPOSES.filter((purpose) => wanted.length === 0 || wanted.includes(purpose));
  await setUp(purposes);
});
