/** Stands before each event in the output of a test file; no test prints it. */
export const EVENT_MARK = "\u0001smolvm-test-event ";

/** A test begins, or has ended with all that belongs to it. */
export interface Progress {
  readonly type: "test:dequeue" | "test:complete" | "test:start";
  readonly name: string;
  readonly nesting: number;
}

/** What a test came to. */
export interface Verdict {
  readonly type: "test:pass" | "test:fail";
  readonly name: string;
  readonly nesting: number;
  readonly isSuite: boolean;
  readonly skip?: string | boolean | undefined;
  readonly todo?: string | boolean | undefined;
  readonly isOnlyOfSubtests: boolean;
  readonly error: string;
}

/** What a test file tells the driver. */
export type FileEvent = Progress | Verdict;
