import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RequestClass, RequestQueue } from "../../../src/guest/channel/request-queue.ts";

interface Wanted {
  readonly requestClass: RequestClass;
}

/** How many of these are opened at once. */
function opened(queue: RequestQueue<Wanted>, requestClass: RequestClass, count: number): Wanted[] {
  for (let added = 0; added < count; added++) queue.add({ requestClass });
  const open: Wanted[] = [];
  for (let next = queue.takeNext(); next !== undefined; next = queue.takeNext()) open.push(next);
  return open;
}

describe("the places of a guest", () => {
  test("are not all for commands: files and control requests find some", () => {
    const queue = new RequestQueue<Wanted>(256);
    assert.equal(opened(queue, "command", 300).length, 224);
    assert.equal(opened(queue, "stream", 300).length, 24);
    assert.equal(opened(queue, "control", 300).length, 8);
  });

  test("are never more than half taken by connections, and one that ends makes room for the next", () => {
    const queue = new RequestQueue<Wanted>(256);
    const [first] = opened(queue, "connection", 300);
    assert.ok(first);
    assert.equal(queue.takeNext(), undefined);
    queue.release(first);
    assert.equal(queue.takeNext()?.requestClass, "connection");
    assert.equal(opened(queue, "command", 300).length, 96);
  });

  test("let every class go on where there is but one", () => {
    for (const requestClass of ["control", "stream", "connection", "command"] as const) {
      assert.equal(opened(new RequestQueue<Wanted>(1), requestClass, 2).length, 1);
    }
  });
});
