import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AcceleratorFacts, chooseAccelerator } from "../../../src/host/accelerator.ts";

const intel: AcceleratorFacts = {
  platform: "linux",
  arch: "x64",
  kvmProblem: () => undefined,
  cpuFlags: () => "fpu vmx sse2",
  hvfSupported: () => false,
};
const closed = (): string => "/dev/kvm may not be opened by this user (join the group kvm)";

describe("the accelerator", () => {
  const table: readonly (readonly [
    machine: string,
    wanted: string,
    facts: AcceleratorFacts,
    accelerator: string,
    reason: RegExp,
  ])[] = [
    ["an Intel machine", "auto", intel, "kvm", /kvm is usable/],
    ["an Intel machine with an empty variable", "", intel, "kvm", /kvm is usable/],
    ["an AMD machine", "auto", { ...intel, cpuFlags: () => "fpu svm" }, "kvm", /usable/],
    ["an Arm machine, which lists no flags", "auto", { ...intel, arch: "arm64", cpuFlags: () => "" }, "kvm", /usable/],
    [
      "a /dev/kvm that opens, without vmx or svm",
      "auto",
      { ...intel, cpuFlags: () => "fpu vmxe xsvm" },
      "tcg",
      /neither vmx nor svm/,
    ],
    ["a /dev/kvm without access", "auto", { ...intel, kvmProblem: closed }, "tcg", /join the group kvm/],
    ["a Mac with the framework", "auto", { ...intel, platform: "darwin", hvfSupported: () => true }, "hvf", /usable/],
    ["a Mac without it", "auto", { ...intel, platform: "darwin" }, "tcg", /Hypervisor framework/],
    ["an Intel machine told so", "tcg", intel, "tcg", /SMOLVM_ACCEL=tcg/],
    ["an Intel machine told KVM", "kvm", intel, "kvm", /SMOLVM_ACCEL=kvm/],
  ];
  for (const [machine, wanted, facts, accelerator, reason] of table) {
    test(`of ${machine} is ${accelerator}`, () => {
      const choice = chooseAccelerator(wanted, facts);
      assert.equal(choice.accelerator, accelerator);
      assert.match(choice.reason, reason);
    });
  }

  for (const [wanted, facts, message] of [
    ["kvm", { ...intel, kvmProblem: closed }, /^SMOLVM_ACCEL=kvm, but \/dev\/kvm may not be opened/],
    ["kvm", { ...intel, cpuFlags: () => "" }, /neither vmx nor svm/],
    ["kvm", { ...intel, platform: "darwin" }, /KVM exists on Linux only/],
    ["hvf", intel, /HVF exists on macOS only/],
  ] as const) {
    test(`${wanted} is refused where ${message.source}`, () => {
      assert.throws(() => chooseAccelerator(wanted, facts), {
        name: "HostError",
        code: "ACCELERATOR_UNAVAILABLE",
        message,
      });
    });
  }

  test("of this machine is found, and a name that is none is refused", () => {
    assert.match(chooseAccelerator("auto").accelerator, /^(kvm|hvf|tcg)$/);
    assert.throws(() => chooseAccelerator("turbo", intel), {
      name: "ValidationError",
      code: "INVALID_OPTION",
      message: 'SMOLVM_ACCEL must be auto, kvm, hvf or tcg, got "turbo"',
    });
  });
});
