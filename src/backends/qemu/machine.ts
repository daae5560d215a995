/** How a QEMU machine is put together on one kind of host. */
export interface Machine {
  /** `-machine`, without the accelerator. */
  readonly type: string;
  readonly cpu: string;
  /** Suffix of virtio devices: PCI, or MMIO where the machine has no PCI bus. */
  readonly bus: "pci" | "device";
  /** The kernel's name of the first serial port. */
  readonly console: string;
  /** Kernel arguments that this machine needs. */
  readonly bootArgs: readonly string[];
}

/** The kernel's self-tests of its cryptography take a quarter of a boot under TCG (0.5 s), and it ships tested. */
const FAST_BOOT = "cryptomgr.notests";

/**
 * Every feature that TCG has but two: with ERMS and FSRM the kernel copies and clears memory by `rep movsb` and `rep stosb`,
 * which TCG executes byte by byte. Without them it takes eight at a time: a pipe in the guest moves 350 MB/s instead of 130, and the
 * channel 110 MB/s instead of 55.
 */
const EMULATED_X86 = "max,erms=off,fsrm=off";

/**
 * The machine for an accelerator and a host architecture (`process.arch`).
 *
 * `microvm` boots fastest where hardware runs the guest, but is unreliable under TCG: timer interrupts arrive as vector
 * 0 and the kernel dies of a "divide error" in early boot. `q35` with PCI is reliable there.
 */
export function chooseMachine(accelerator: string, arch: string): Machine {
  const hardware = accelerator === "kvm" || accelerator === "hvf";
  const cpu = hardware ? "host" : "max";
  if (arch === "arm64") {
    return { type: "virt,gic-version=max", cpu, bus: "pci", console: "ttyAMA0", bootArgs: [FAST_BOOT] };
  }
  if (hardware) {
    return {
      // KVM gives the guest a clock of its own (kvm-clock); elsewhere the kernel needs the old timer to find its speed.
      type: `microvm,rtc=on,acpi=on,isa-serial=on${accelerator === "kvm" ? ",pit=off,pic=off" : ""}`,
      cpu,
      bus: "device",
      console: "ttyS0",
      bootArgs: ["reboot=t", FAST_BOOT],
    };
  }
  return {
    type: "q35,smbus=off,sata=off,usb=off,vmport=off,hpet=off",
    cpu: EMULATED_X86,
    bus: "pci",
    console: "ttyS0",
    bootArgs: [
      "reboot=t",
      FAST_BOOT,
      // The check that timer interrupts arrive costs time and can fail on a busy host.
      "no_timer_check",
      "tsc=reliable",
      // TCG translates code anew for each address that it is mapped to, so a program at random addresses is translated at every
      // start: /bin/true takes 29 ms with them and 7 ms without. A guest can turn them on (kernel.randomize_va_space).
      "norandmaps",
    ],
  };
}
