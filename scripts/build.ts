import { build } from "./support/build.ts";
import { step } from "./support/steps.ts";

await step("build", build);
