import { resolve } from "node:path";

/** The root of the checkout. */
export const REPOSITORY: string = resolve(import.meta.dirname, "..", "..");
