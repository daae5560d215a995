import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ImageError } from "../errors/smolvm-error.ts";
import { type AptSource, formatAptSources, originKey, parseAptSources, selectDebianSources } from "./apt-sources.ts";
import { runTool } from "./run-tool.ts";

/** What the host's apt is told about Debian, ready to be used for an image. */
export interface HostApt {
  readonly codename: string;
  /** Text of a `sources.list` with Debian's entries only. */
  readonly sourcesList: string;
  /** Lines for apt.conf that decide how packages are fetched (proxies, TLS, retries). */
  readonly fetchOptions: readonly string[];
}

/** In every Debian, from the package debian-archive-keyring. */
const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const FETCH_OPTION = /^Acquire::(https?::|Check-|Retries|ForceIPv|Queue-Mode).* ".+";$/;

/**
 * Reads the host's own apt configuration: its mirrors of a Debian release and the options needed to reach them.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when there is no entry of that release.
 */
export async function readHostApt(codename: string, signal?: AbortSignal): Promise<HostApt> {
  const [sources, origins, fetchOptions] = await Promise.all([
    readSources(),
    readOrigins(signal),
    readFetchOptions(signal),
  ]);
  const selected = selectDebianSources(sources, codename, origins);
  if (!selected.some((source) => source.suite === codename)) {
    throw new ImageError(
      "IMAGE_BUILD_FAILED",
      `expected a Debian entry for "${codename}" in apt's sources, found none`,
      {
        hint: "Add Debian's own repository to /etc/apt/sources.list.d (see sources.list(5)).",
      },
    );
  }
  const resolved = await Promise.all(selected.map(resolveMirrorFile));
  const keyring = await access(DEBIAN_KEYRING).then(
    () => DEBIAN_KEYRING,
    () => undefined, // apt then takes the keys of /etc/apt/trusted.gpg.d
  );
  return { codename, fetchOptions, sourcesList: formatAptSources(resolved, keyring) };
}

/**
 * The code name of the host's Debian release, as in `bookworm`.
 *
 * @throws {ImageError} `IMAGE_BUILD_FAILED` when the host is no Debian.
 */
export async function readDebianCodename(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1];
  const codename = field("VERSION_CODENAME");
  if (field("ID") !== "debian" || codename === undefined) {
    throw new ImageError(
      "IMAGE_BUILD_FAILED",
      `expected a Debian host to build a Debian image on, got "${field("ID") ?? process.platform}"`,
      { hint: "Build the image on a Debian host and copy the image directory, or give kernelPath and rootfsPath." },
    );
  }
  return codename;
}

async function readSources(): Promise<AptSource[]> {
  const partsDir = "/etc/apt/sources.list.d";
  const names = await readdir(partsDir).catch(() => []);
  const paths = ["/etc/apt/sources.list", ...names.map((name) => join(partsDir, name))];
  const found = await Promise.all(
    paths.map(async (path) => {
      const style = path.endsWith(".list") ? "list" : path.endsWith(".sources") ? "sources" : undefined;
      if (style === undefined) return []; // apt ignores other names, too
      return parseAptSources(await readFile(path, "utf8").catch(() => ""), style);
    }),
  );
  return found.flat();
}

/** Origins are known only of repositories whose lists apt has fetched: an empty answer is fine. */
async function readOrigins(signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const format = "$(REPO_URI) $(RELEASE) $(ORIGIN)";
  const { stdout } = await runTool(["apt-get", "indextargets", "--format", format, "Created-By: Packages"], { signal });
  const origins = new Map<string, string>();
  for (const line of stdout.split("\n")) {
    const [uri, suite, ...origin] = line.split(" ");
    if (uri && suite && origin.length > 0 && origin[0] !== "") origins.set(originKey(uri, suite), origin.join(" "));
  }
  return origins;
}

async function readFetchOptions(signal: AbortSignal | undefined): Promise<string[]> {
  const { stdout } = await runTool(["apt-config", "dump"], { signal });
  return stdout.split("\n").filter((line) => FETCH_OPTION.test(line));
}

/** Cloud images of Debian name their mirrors in a file of the host (`mirror+file:`), which a guest does not have. */
async function resolveMirrorFile(source: AptSource): Promise<AptSource> {
  if (!source.uri.startsWith("mirror+file:")) return source;
  const path = source.uri.replace(/^mirror\+file:(\/\/)?/, "");
  const first = (await readFile(path, "utf8")).split("\n").find((line) => /^\w+:\/\//.test(line));
  const uri = first?.split(/\s+/)[0];
  return uri === undefined ? source : { ...source, uri };
}
