import assert from "node:assert/strict";
import { test } from "node:test";
import { debianGuestConfig } from "../../../src/images/debian-guest-config.ts";
import { buildDebianImage } from "../../../src/images/debian-image.ts";
import { DEBIAN_PACKAGES, type DebianRecipe, digestRecipe, recipeUuid } from "../../../src/images/recipe.ts";
import { temporaryStore } from "./store-fixture.ts";

const recipe: DebianRecipe = {
  arch: "x86_64",
  suite: "bookworm",
  packages: DEBIAN_PACKAGES,
  agentSha256: "a".repeat(64),
};

test("a recipe's digest follows from its content", () => {
  const digest = digestRecipe(recipe);
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(digestRecipe({ ...recipe, rootfsMiB: undefined, sshPassword: undefined }), digest);
  const others: Partial<DebianRecipe>[] = [
    { arch: "aarch64" },
    { suite: "trixie" },
    { packages: ["curl"] },
    { agentSha256: "b".repeat(64) },
    { rootfsMiB: 512 },
    { sshPassword: "one" },
    { sshPassword: "two" },
  ];
  const digests = others.map((other) => digestRecipe({ ...recipe, ...other }));
  assert.equal(new Set([digest, ...digests]).size, others.length + 1);
});

test("a recipe's filesystem id is a valid UUID", () => {
  assert.match(
    recipeUuid(digestRecipe(recipe)),
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

test("a guest accepts passwords only when one was asked for", () => {
  assert.match(
    debianGuestConfig({ passwordLogin: false }),
    /^PermitRootLogin prohibit-password\nPasswordAuthentication no$/m,
  );
  assert.match(debianGuestConfig({ passwordLogin: true }), /^PermitRootLogin yes\nPasswordAuthentication yes$/m);
});

test("a password of several lines, a wrong name or a missing agent is refused before anything is built", async (t) => {
  const store = await temporaryStore(t);
  const agentPath = process.execPath;
  for (const sshPassword of ["", "a\nb", "a\0b"]) {
    await assert.rejects(buildDebianImage({ store, agentPath, sshPassword }), { code: "INVALID_OPTION" });
  }
  await assert.rejects(buildDebianImage({ store, agentPath, name: "../x" }), { code: "INVALID_OPTION" });
  await assert.rejects(buildDebianImage({ store, agentPath: "/no/such/agent" }), { code: "INVALID_OPTION" });
  const reason = new Error("enough");
  await assert.rejects(buildDebianImage({ store, agentPath, signal: AbortSignal.abort(reason) }), reason);
});
