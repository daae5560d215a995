/** What a prerequisite is needed for: to run VMs, to build images, to run this project's tests. */
export type Purpose = "run" | "image" | "test";

/** Names of the packages that bring a prerequisite, per package manager. */
export interface Packages {
  readonly apt: readonly string[];
  readonly dnf: readonly string[];
  readonly brew: readonly string[];
}

/** How a prerequisite is found without starting a program. */
export type Location =
  | { readonly program: string }
  /** Some file in a folder: the last part of the path may hold `*`, folders may be `*`. */
  | { readonly file: string };

/** One thing that this machine must have. */
export interface Prerequisite {
  readonly name: string;
  readonly purpose: Purpose;
  /** For people: what it is for. */
  readonly use: string;
  readonly location: Location;
  readonly packages: Packages;
  /** Arguments that make the program print its version; without them it has none to show. */
  readonly versionArguments?: readonly string[] | undefined;
  /** The oldest version that works, as `major.minor`. */
  readonly minimumVersion?: string;
  /** The only platform that needs it. */
  readonly platform?: NodeJS.Platform;
  /** Root does without it. */
  readonly unprivilegedOnly?: boolean;
}

/**
 * Every program and file that SmolVM takes from the host, in the order in which `smolvm doctor` lists them. The set-up
 * scripts install from this table too.
 *
 * @param arch - the host's architecture, as in `process.arch`
 */
export function prerequisiteTable(arch: string): readonly Prerequisite[] {
  return [...toRun(arch), ...toBuildImages(), ...toTest()];
}

const VERSION = ["--version"];

function toRun(arch: string): Prerequisite[] {
  const arm = arch === "arm64";
  return [
    {
      name: arm ? "qemu-system-aarch64" : "qemu-system-x86_64",
      purpose: "run",
      use: "runs the VMs",
      location: { program: arm ? "qemu-system-aarch64" : "qemu-system-x86_64" },
      packages: {
        apt: [arm ? "qemu-system-arm" : "qemu-system-x86"],
        dnf: [arm ? "qemu-system-aarch64-core" : "qemu-system-x86-core"],
        brew: ["qemu"],
      },
      versionArguments: VERSION,
      minimumVersion: "7.2",
    },
  ];
}

/** Images are built from the packages of a Debian-like host; the guest agent is compiled from its source. */
function toBuildImages(): Prerequisite[] {
  return [
    tool("image", "mmdebstrap", "builds the root filesystem", "mmdebstrap", { platform: "linux" }),
    tool("image", "newuidmap", "gives files of the root filesystem their owners", "uidmap", {
      dnf: "shadow-utils",
      versionArguments: undefined,
      platform: "linux",
      unprivilegedOnly: true,
    }),
    tool("image", "apt-get", "fetches packages", "apt", { platform: "linux" }),
    tool("image", "dpkg-deb", "unpacks the kernel's package", "dpkg", { brew: "dpkg" }),
    tool("image", "mkfs.ext4", "makes the root disk", "e2fsprogs", { versionArguments: ["-V"] }),
    tool("image", "xz", "unpacks kernel modules", "xz-utils", { dnf: "xz", brew: "xz" }),
    tool("image", "tar", "unpacks archives", "tar", {}),
    tool("image", "make", "builds the guest agent", "make", {}),
    tool("image", "gcc", "builds the guest agent", "gcc", {}),
    tool("image", "musl-gcc", "builds the guest agent", "musl-tools", { dnf: "musl-gcc", brew: "musl-cross" }),
  ];
}

function toTest(): Prerequisite[] {
  return [
    tool("test", "clang", "builds the guest agent's tests and fuzz target", "clang", { brew: "llvm" }),
    {
      name: "clang sanitizers",
      purpose: "test",
      use: "AddressSanitizer, UBSan and libFuzzer",
      location: { file: "/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.asan-*.a" },
      packages: { apt: ["libclang-rt-dev"], dnf: ["compiler-rt"], brew: ["llvm"] },
      platform: "linux",
    },
    {
      name: "C library headers",
      purpose: "test",
      use: "builds the guest agent's tests",
      location: { file: "/usr/include/stdio.h" },
      packages: { apt: ["libc6-dev"], dnf: ["glibc-devel"], brew: [] },
      platform: "linux",
    },
    tool("test", "aarch64-linux-gnu-gcc", "compiles the guest agent for arm64", "gcc-aarch64-linux-gnu", {
      platform: "linux",
    }),
    tool("test", "qemu-img", "checks the disks that we write", "qemu-utils", { dnf: "qemu-img", brew: "qemu" }),
    tool("test", "cpio", "checks the initramfs that we write", "cpio", {}),
    tool("test", "lz4", "checks our decompression of kernels", "lz4", {}),
    tool("test", "ps", "tests look for processes that are left", "procps", { dnf: "procps-ng" }),
    tool("test", "ip", "tests of TAP devices", "iproute2", {
      dnf: "iproute",
      versionArguments: ["-V"],
      platform: "linux",
    }),
    tool("test", "nft", "tests of firewall rules", "nftables", { platform: "linux" }),
    tool("test", "ssh", "tests of SSH access", "openssh-client", {
      dnf: "openssh-clients",
      brew: "openssh",
      versionArguments: ["-V"],
    }),
  ];
}

/** A program whose packages have the same name everywhere unless said otherwise. */
function tool(
  purpose: Purpose,
  program: string,
  use: string,
  apt: string,
  options: Pick<Prerequisite, "platform" | "unprivilegedOnly" | "versionArguments"> & {
    readonly dnf?: string;
    readonly brew?: string;
  },
): Prerequisite {
  const { dnf = apt, brew = apt, ...rest } = options;
  return {
    name: program,
    purpose,
    use,
    location: { program },
    packages: { apt: [apt], dnf: [dnf], brew: [brew] },
    versionArguments: VERSION,
    ...rest,
  };
}
