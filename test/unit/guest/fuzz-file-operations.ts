import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { GuestChannel } from "../../../src/guest/index.ts";
import { Method } from "../../../src/guest/protocol/frame-types.ts";
import { VMFiles } from "../../../src/vm/files/files.ts";
import { BULK, collect, isOk, type Operation } from "./fuzz-operation.ts";

const filesOf = (channel: GuestChannel): VMFiles => new VMFiles(async () => channel);

export const FILE_OPERATIONS: readonly Operation[] = [
  {
    name: "a file that is read",
    method: Method.FILE_READ,
    isSuccess: isOk,
    start: async (channel, number) => ({ subject: `/${number}`, output: await filesOf(channel).read(`/${number}`) }),
  },
  {
    name: "a file that is streamed",
    method: Method.FILE_READ,
    isSuccess: isOk,
    start: async (channel, number) => {
      return { subject: `/${number}`, output: await collect(filesOf(channel).readStream(`/${number}`)) };
    },
  },
  {
    name: "a file that is written",
    method: Method.FILE_WRITE,
    isSuccess: isOk,
    start: async (channel, number) => {
      await filesOf(channel).write(`/${number}`, BULK);
      return { subject: `/${number}` };
    },
  },
  {
    name: "a list of files",
    method: Method.FILE_LIST,
    isSuccess: isOk,
    start: async (channel, number) => {
      await filesOf(channel).list(`/${number}`);
      return { subject: `/${number}` };
    },
  },
  {
    name: "a watch",
    method: Method.FILE_WATCH,
    isSuccess: isOk,
    start: async (channel, number) => {
      for await (const _change of await filesOf(channel).watch(`/${number}`));
      return { subject: `/${number}` };
    },
  },
  {
    name: "an upload",
    method: Method.TREE_WRITE,
    isSuccess: isOk,
    start: async (channel, number, dir) => {
      const from = join(dir, `up-${number}`);
      writeFileSync(from, BULK);
      await filesOf(channel).upload(from, `/${number}`);
      return { subject: `/${number}` };
    },
  },
  {
    name: "a download",
    method: Method.TREE_READ,
    isSuccess: isOk,
    start: async (channel, number, dir) => {
      await filesOf(channel).download(`/${number}`, join(dir, `down-${number}`));
      return { subject: `/${number}` };
    },
  },
];
