import { join } from "node:path";
import type { DiskSpec, LaunchSpec, VmmPaths } from "../backend.ts";
import { chooseMachine, type Machine } from "./machine.ts";

/** Channel ports of each VM for its clients: `smolvm.0` to `smolvm.7` in the guest. `smolvm.8` is for stopping it. */
export const CHANNEL_PORTS = 8;
const ALL_PORTS = CHANNEL_PORTS + 1;

/** QEMU's name of the root disk, as long as nobody has put an overlay on it. */
const ROOT_NODE = "root";

/** File descriptor of QEMU on which its creator talks QMP, see `spawnDetached`. */
const CONTROL_FD = 3;

type Paths = Pick<VmmPaths, "socketDir">;

/** The QMP socket that any process may use, one client at a time. */
export const qmpSocketPath = (paths: Paths): string => join(paths.socketDir, "qmp.sock");

/** The socket of channel port `port`. */
export const channelSocketPath = (paths: Paths, port: number): string => join(paths.socketDir, `ch${port}.sock`);

/** The file in which QEMU writes its pid. */
export const pidFilePath = (paths: Pick<VmmPaths, "vmDir">): string => join(paths.vmDir, "vmm.pid");

/** Within `key=value,…` a comma in a value is doubled (QEMU's manual, "-drive"); nothing else is special. */
export const escapeValue = (value: string): string => value.replaceAll(",", ",,");

/** The arguments of QEMU, without the program itself. Pure: the same spec gives the same arguments. */
export function buildCommandLine(
  spec: LaunchSpec,
  arch: string = process.arch,
  platform: NodeJS.Platform = process.platform,
): readonly string[] {
  const machine = chooseMachine(spec.accelerator, arch);
  return [
    ...["-name", `guest=${escapeValue(spec.vmId)}`],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-pidfile", pidFilePath(spec.paths)],
    ...sandboxArguments(platform),
    ...memoryArguments(spec),
    ...["-machine", `${machine.type},dump-guest-core=off,memory-backend=ram`],
    ...["-accel", spec.accelerator],
    ...["-cpu", machine.cpu],
    ...["-m", `${spec.memoryMiB}M`],
    ...["-smp", String(spec.vcpuCount)],
    ...kernelArguments(spec, machine),
    ...monitorArguments(spec.paths),
    ...consoleArguments(spec.paths),
    ...channelArguments(spec.paths, machine),
    ...diskArguments(spec, machine),
    ...networkArguments(spec, machine),
    ...["-object", "rng-builtin,id=rng0"],
    ...["-device", `virtio-rng-${machine.bus},rng=rng0`],
    ...stateArguments(spec),
  ];
}

function stateArguments({ state }: LaunchSpec): readonly string[] {
  // A state of devices alone begins with no description of the machine: so that every state fits, no VMM writes or expects one.
  const configuration = ["-global", "migration.send-configuration=off"];
  return [...configuration, ...(state === undefined ? [] : ["-incoming", "defer"])];
}

/** Memory in a file: written to while a template is made, mapped copy-on-write by the VMs that continue from it. */
function memoryArguments({ memory, memoryMiB }: LaunchSpec): readonly string[] {
  // By the same name: a state with the memory in it names it.
  if (memory === undefined) return ["-object", `memory-backend-ram,id=ram,size=${memoryMiB}M`];
  const share = memory.sharing === "shared" ? "on" : "off";
  const path = escapeValue(memory.path);
  return ["-object", `memory-backend-file,id=ram,size=${memoryMiB}M,mem-path=${path},share=${share}`];
}

/** QEMU's own seccomp filter, which it has on Linux only. */
function sandboxArguments(platform: NodeJS.Platform): readonly string[] {
  if (platform !== "linux") return [];
  return ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];
}

function kernelArguments(spec: LaunchSpec, machine: Machine): readonly string[] {
  const append = [
    spec.bootArgs,
    ...machine.bootArgs,
    `console=${machine.console}`,
    // With the agent's initramfs `root` is what it mounts; without one the kernel mounts it.
    "root=/dev/vda rw",
  ].join(" ");
  return [
    ...["-kernel", spec.kernelPath],
    ...(spec.initrdPath === undefined ? [] : ["-initrd", spec.initrdPath]),
    ...["-append", append],
  ];
}

/** Two monitors: one for the creator, which needs no waiting for a socket to appear, and one for everybody after. */
function monitorArguments(paths: VmmPaths): readonly string[] {
  return [
    ...["-chardev", `socket,id=qmp,path=${escapeValue(qmpSocketPath(paths))},server=on,wait=off`],
    ...["-mon", "chardev=qmp,mode=control"],
    ...["-chardev", `socket,id=control,fd=${CONTROL_FD}`],
    ...["-mon", "chardev=control,mode=control"],
  ];
}

function consoleArguments(paths: VmmPaths): readonly string[] {
  return [
    ...["-chardev", `file,id=console,path=${escapeValue(paths.consoleLogPath)},append=on`],
    ...["-serial", "chardev:console"],
  ];
}

function channelArguments(paths: VmmPaths, machine: Machine): readonly string[] {
  // Port 0 of a virtio-serial bus is reserved for a console.
  const bus = ["-device", `virtio-serial-${machine.bus},id=channels,max_ports=${ALL_PORTS + 1}`];
  const ports = Array.from({ length: ALL_PORTS }, (_, port) => [
    ...["-chardev", `socket,id=ch${port},path=${escapeValue(channelSocketPath(paths, port))},server=on,wait=off`],
    ...["-device", `virtserialport,bus=channels.0,nr=${port + 1},chardev=ch${port},name=smolvm.${port}`],
  ]);
  return [...bus, ...ports.flat()];
}

/** Blockdevs are given as JSON, in which paths need no escaping of QEMU's own. */
function diskArguments(spec: LaunchSpec, machine: Machine): readonly string[] {
  const node = { "node-name": ROOT_NODE, ...blockNode(spec.disk, {}) };
  return ["-blockdev", JSON.stringify(node), "-device", `virtio-blk-${machine.bus},drive=${ROOT_NODE}`];
}

/** The whole chain is named: QEMU opens nothing because a disk's header says so. */
function blockNode(disk: DiskSpec, access: { readonly "read-only"?: true }): object {
  return {
    driver: disk.format,
    discard: "unmap",
    ...access,
    file: { driver: "file", filename: disk.path, discard: "unmap", ...access },
    ...(disk.backing === undefined ? {} : { backing: blockNode(disk.backing, { "read-only": true }) }),
  };
}

function networkArguments(
  { network, vmId, hasIdleInterface = false }: LaunchSpec,
  machine: Machine,
): readonly string[] {
  if (network === null && !hasIdleInterface) return [];
  // It leaves out the boot ROM, which only costs time.
  const rom = machine.bus === "pci" ? ",romfile=" : "";
  const mac = network === null ? "" : `,mac=${network.guestMac}`;
  // What is behind an idle interface is there in the saved state, too; it lets nothing through.
  const access = network === null ? ",restrict=on" : "";
  return [
    ...["-netdev", `user,id=net0,ipv6=off,hostname=${escapeValue(vmId)}${access}`],
    ...["-device", `virtio-net-${machine.bus},netdev=net0${mac}${rom}`],
  ];
}
