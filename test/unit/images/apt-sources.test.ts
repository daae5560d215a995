import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAptSources, originKey, parseAptSources, selectDebianSources } from "../../../src/images/apt-sources.ts";
import { parseKernelDependency } from "../../../src/images/kernel-package.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

test("one-line entries are read with and without options", () => {
  const text = `# a comment
deb http://mirror.test/debian bookworm main contrib # why
deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.asc] https://vendor.test/linux bookworm stable
deb-src http://mirror.test/debian bookworm main
`;
  assert.deepEqual(parseAptSources(text, "list"), [
    { uri: "http://mirror.test/debian", suite: "bookworm", components: ["main", "contrib"] },
    {
      uri: "https://vendor.test/linux",
      suite: "bookworm",
      components: ["stable"],
      signedBy: "/etc/apt/keyrings/vendor.asc",
    },
  ]);
});

test("deb822 entries are read: several suites, comments, disabled ones and embedded keys", () => {
  const text = `Types: deb
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${KEYRING}

Types: deb deb-src
Enabled: no
URIs: http://off.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://vendor.test/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
`;
  assert.deepEqual(parseAptSources(text, "sources"), [
    { uri: "http://mirror.test/debian", suite: "bookworm", components: ["main"], signedBy: KEYRING },
    { uri: "http://mirror.test/debian", suite: "bookworm-updates", components: ["main"], signedBy: KEYRING },
    { uri: "http://vendor.test/debian", suite: "bookworm", components: ["main"], signedBy: "embedded" },
  ]);
});

test("only Debian's own entries of the release are taken", () => {
  const entry = (uri: string, suite: string, components: string[], signedBy?: string) => ({
    uri,
    suite,
    components,
    ...(signedBy === undefined ? {} : { signedBy }),
  });
  const debian = entry("http://mirror.test/debian/", "bookworm", ["main", "backports-of-a-vendor"], KEYRING);
  const security = entry("http://mirror.test/debian-security", "bookworm-security", ["main"]);
  const sources = [
    debian,
    security,
    entry("http://mirror.test/debian", "bookworm", ["main"]),
    entry("http://mirror.test/debian", "bookworm-backports", ["main"], KEYRING),
    entry("http://mirror.test/debian", "trixie", ["main"], KEYRING),
    entry("https://containers.test/linux/debian", "bookworm", ["stable"], "/etc/apt/keyrings/containers.asc"),
    entry("https://runtime.test/node", "nodistro", ["main"], "/usr/share/keyrings/runtime.gpg"),
    entry("https://vendor.test/apt", "bookworm", ["main"], "/usr/share/keyrings/vendor.gpg"),
    entry("https://old-vendor.test/apt", "bookworm", ["main"]),
    entry("cdrom:[Debian]/", "bookworm", ["main"]),
  ];
  const origins = new Map([
    [originKey("https://old-vendor.test/apt/", "bookworm"), "Vendor"],
    [originKey("http://mirror.test/debian", "bookworm"), "Debian"],
  ]);
  const selected = selectDebianSources(sources, "bookworm", origins);
  assert.deepEqual(
    selected.map(({ uri, suite, components }) => `${uri.replace(/\/$/, "")} ${suite} ${components.join(" ")}`),
    ["http://mirror.test/debian bookworm main", "http://mirror.test/debian-security bookworm-security main"],
  );
  assert.equal(
    formatAptSources([security], KEYRING),
    `deb [signed-by=${KEYRING}] http://mirror.test/debian-security bookworm-security main\n`,
  );
  assert.equal(
    formatAptSources([security], undefined),
    "deb http://mirror.test/debian-security bookworm-security main\n",
  );
});

test("the kernel's package is what its metapackage depends on", () => {
  const description = `Package: linux-image-cloud-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)
`;
  assert.deepEqual(parseKernelDependency(description), {
    name: "linux-image-6.1.0-56-cloud-amd64",
    version: "6.1.192-2",
  });
  assert.throws(() => parseKernelDependency("Package: linux-image-cloud-amd64\n"), { code: "IMAGE_BUILD_FAILED" });
});
