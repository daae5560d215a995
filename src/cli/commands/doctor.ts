import type { Command } from "commander";
import { checkPrerequisites, type PrerequisiteReport } from "../../host/prerequisites.ts";
import { chooseAccelerator } from "../../host/accelerator.ts";
import { printJson } from "../print.ts";

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("say what this machine has and lacks, and how to install what is missing")
    .option("--json", "print the findings as JSON")
    .action(async (flags: { json?: boolean }) => {
      const reports = await checkPrerequisites({ purposes: ["run", "image"] });
      const accelerator = chooseAccelerator();
      if (flags.json === true) printJson({ prerequisites: reports, accelerator });
      else {
        for (const report of reports) process.stdout.write(`${describeReport(report)}\n`);
        const note = accelerator.accelerator === "tcg" ? " (software emulation: slow, no hardware isolation)" : "";
        process.stdout.write(`accelerator  ${accelerator.accelerator}${note}: ${accelerator.reason}\n`);
      }
      // EX_UNAVAILABLE of sysexits(3), as the error PREREQUISITE_MISSING has.
      if (reports.some(({ ok }) => !ok)) process.exitCode = 69;
    });
}

function describeReport(report: PrerequisiteReport): string {
  const found = report.ok ? `ok       ${report.name} ${report.version ?? ""}`.trimEnd() : `MISSING  ${report.name}`;
  const lines = [`${found}: ${report.use}`];
  if (report.detail !== undefined) lines.push(report.detail);
  if (report.installCommand !== "") lines.push(`${report.ok ? "comes" : "install it"} with: ${report.installCommand}`);
  return lines.join("\n         ");
}
