/** One repository of apt's configuration. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** The keyring that it is signed with, where the entry names one; "embedded" for a key written into the entry. */
  readonly signedBy?: string;
}

const DEBIAN_COMPONENTS = new Set(["main", "contrib", "non-free", "non-free-firmware"]);

/**
 * Reads one file of apt's sources in the one-line style (`.list`) or the deb822 style (`.sources`).
 *
 * Only binary repositories (`deb`) that are enabled are returned.
 *
 * Format: sources.list(5).
 */
export function parseAptSources(text: string, style: "list" | "sources"): AptSource[] {
  return style === "list" ? text.split("\n").flatMap(parseLine) : text.split(/\n(?:[ \t]*\n)+/).flatMap(parseStanza);
}

function parseLine(line: string): AptSource[] {
  const match = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)/.exec(line);
  if (match === null) return [];
  const [, options = "", uri = "", suite = "", components = ""] = match;
  const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
  return [{ uri, suite, components: words(components), ...(signedBy === undefined ? {} : { signedBy }) }];
}

function parseStanza(stanza: string): AptSource[] {
  const fields = new Map<string, string>();
  let name = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const field = /^([\w-]+):(.*)$/.exec(line);
    if (field !== null) {
      name = (field[1] ?? "").toLowerCase();
      fields.set(name, (field[2] ?? "").trim());
    } else if (name !== "") {
      fields.set(name, `${fields.get(name)}\n${line.trim()}`);
    }
  }
  const value = (key: string): string[] => words(fields.get(key) ?? "");
  if (!value("types").includes("deb") || fields.get("enabled")?.toLowerCase() === "no") return [];
  const signedBy = fields.get("signed-by");
  const keyring = signedBy?.includes("BEGIN PGP") ? "embedded" : words(signedBy ?? "")[0];
  return value("uris").flatMap((uri) =>
    value("suites").map((suite) => ({
      uri,
      suite,
      components: value("components"),
      ...(keyring === undefined ? {} : { signedBy: keyring }),
    })),
  );
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

/**
 * Keeps the entries that are Debian's own for a release: its suite, `-updates` and `-security`, Debian's components,
 * and signed with Debian's keyring. Other vendors' repositories must neither enter a guest nor break its build.
 *
 * `origins` says what apt knows of the origin of a repository (`URI SUITE` → Origin of its Release file); an entry
 * that is known to be somebody else's is dropped even when its entry looks like Debian's.
 */
export function selectDebianSources(
  sources: readonly AptSource[],
  codename: string,
  origins: ReadonlyMap<string, string> = new Map(),
): AptSource[] {
  const suites = new Set([codename, `${codename}-updates`, `${codename}-security`]);
  const selected = new Map<string, AptSource>();
  for (const source of sources) {
    const components = source.components.filter((component) => DEBIAN_COMPONENTS.has(component));
    const origin = origins.get(originKey(source.uri, source.suite));
    const isSigned = source.signedBy === undefined || source.signedBy.includes("debian-archive-");
    const isDebian = origin === undefined ? isSigned : origin === "Debian";
    if (!suites.has(source.suite) || components.length === 0 || !isDebian) continue;
    if (source.uri.startsWith("cdrom:")) continue;
    selected.set(originKey(source.uri, source.suite), { ...source, components });
  }
  return [...selected.values()];
}

/** The key under which an origin is looked up; a trailing slash makes no difference to apt. */
export function originKey(uri: string, suite: string): string {
  return `${uri.replace(/\/+$/, "")} ${suite}`;
}

/** Writes the entries in the one-line style, all signed with one keyring. */
export function formatAptSources(sources: readonly AptSource[], keyring: string | undefined): string {
  const options = keyring === undefined ? "" : `[signed-by=${keyring}] `;
  return sources.map((s) => `deb ${options}${s.uri} ${s.suite} ${s.components.join(" ")}\n`).join("");
}
