import { inspect } from "node:util";
import type { TestEvent } from "node:test/reporters";
import { EVENT_MARK, type FileEvent } from "./file-event.ts";

/** A reporter of Node's test runner that hands its events on to the driver, one a line. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const translated = translate(event);
    if (translated !== undefined) yield `${EVENT_MARK}${JSON.stringify(translated)}\n`;
  }
}

function translate({ type, data }: TestEvent): FileEvent | undefined {
  if (type === "test:dequeue" || type === "test:complete" || type === "test:start") {
    return { type, name: data.name, nesting: data.nesting };
  }
  if (type !== "test:pass" && type !== "test:fail") return undefined;
  const failed = "error" in data.details ? data.details.error : undefined;
  return {
    type,
    name: data.name,
    nesting: data.nesting,
    isSuite: data.details.type === "suite",
    skip: data.skip,
    todo: data.todo,
    // The subtests were reported already.
    isOnlyOfSubtests: failed !== undefined && "failureType" in failed && failed.failureType === "subtestsFailed",
    error: failed === undefined ? "" : `${describe(failed)}\n${data.file ?? ""}:${data.line ?? ""}`,
  };
}

function describe(error: Error): string {
  if (error.cause === undefined) return error.message;
  return typeof error.cause === "string" ? error.cause : inspect(error.cause, { depth: 4 });
}
