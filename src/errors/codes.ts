/**
 * One entry of the registry of error codes.
 *
 * `exitCode` is what the command line exits with, `httpStatus` what a service would answer. `hint` says what the user
 * can do next; an error may carry a more precise one.
 */
export interface ErrorCodeEntry {
  readonly hint: string;
  readonly exitCode: number;
  readonly httpStatus: number;
}

const entry = (exitCode: number, httpStatus: number, hint: string): ErrorCodeEntry => ({ hint, exitCode, httpStatus });

/** A stable, documented name of what went wrong. */
export type ErrorCode =
  | "INVALID_OPTION"
  | "INVALID_PATH"
  | "INVALID_KERNEL"
  | "INVALID_ROOTFS"
  | "UNSUPPORTED"
  | "VM_NOT_FOUND"
  | "VM_ALREADY_EXISTS"
  | "INVALID_STATE"
  | "VM_BUSY"
  | "DISK_CONFLICT"
  | "BOOT_FAILED"
  | "VMM_FAILED"
  | "COMMAND_UNAVAILABLE"
  | "CHANNEL_BROKEN"
  | "CHANNEL_BUSY"
  | "PROTOCOL_ERROR"
  | "GUEST_ERROR"
  | "OUTPUT_LIMIT"
  | "COMMAND_NOT_FOUND"
  | "COMMAND_NOT_EXECUTABLE"
  | "UNKNOWN_USER"
  | "PROCESS_NOT_FOUND"
  | "PROCESS_NAME_IN_USE"
  | "TIMEOUT"
  | "FILE_NOT_FOUND"
  | "FILE_EXISTS"
  | "IS_A_DIRECTORY"
  | "NOT_A_DIRECTORY"
  | "NOT_A_FILE"
  | "DIRECTORY_NOT_EMPTY"
  | "PERMISSION_DENIED"
  | "NO_SPACE"
  | "TRANSFER_LIMIT"
  | "NETWORK_UNAVAILABLE"
  | "PORT_IN_USE"
  | "IMAGE_NOT_FOUND"
  | "IMAGE_CORRUPT"
  | "IMAGE_BUILD_FAILED"
  | "IMAGE_IN_USE"
  | "TEMPLATE_NOT_FOUND"
  | "SNAPSHOT_NOT_FOUND"
  | "SNAPSHOT_ALREADY_EXISTS"
  | "SNAPSHOT_CORRUPT"
  | "SNAPSHOT_INCOMPATIBLE"
  | "POOL_EMPTY"
  | "PREREQUISITE_MISSING"
  | "ACCELERATOR_UNAVAILABLE"
  | "STATE_ERROR"
  | "IO_ERROR";

/**
 * Every code that an error of this package can carry. `docs/errors.md` describes each; a test keeps the two equal.
 * Exit codes follow BSD sysexits where one fits, `timeout(1)` for 124, and shells for 126 and 127.
 */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeEntry>> = {
  // What the caller asked for
  INVALID_OPTION: entry(64, 400, "Correct the option that the message names."),
  INVALID_PATH: entry(64, 400, "Give an absolute path, or one relative to the working directory, that exists."),
  INVALID_KERNEL: entry(64, 400, "Point kernelPath at a vmlinux (ELF) or a bzImage/Image file."),
  INVALID_ROOTFS: entry(64, 400, "Point rootfsPath at a raw image of an ext4 filesystem, without a partition table."),
  UNSUPPORTED: entry(64, 501, "Use an option that this backend supports; `smolvm doctor` lists what works here."),
  // VMs
  VM_NOT_FOUND: entry(66, 404, "List the VMs of this data directory with `smolvm ls`."),
  VM_ALREADY_EXISTS: entry(73, 409, "Choose another vmId, or delete the VM that has it."),
  INVALID_STATE: entry(75, 409, "Bring the VM into one of the allowed states first."),
  VM_BUSY: entry(75, 409, "Another process works on this VM; try again when it has finished."),
  DISK_CONFLICT: entry(73, 409, "A disk kept from an earlier VM is in the way; delete it or choose another vmId."),
  BOOT_FAILED: entry(70, 500, "Read the tail of the console and of the VMM's log in the error's details."),
  VMM_FAILED: entry(70, 500, "Read the VMM's log with `smolvm logs --vmm ID`."),
  // Commands
  COMMAND_UNAVAILABLE: entry(69, 409, "Start the VM, and use an image that holds the guest agent."),
  CHANNEL_BROKEN: entry(70, 502, "Check that the VM still runs (`smolvm inspect ID`) and try again."),
  CHANNEL_BUSY: entry(75, 503, "All channels of this VM are in use by other processes; close one of them."),
  PROTOCOL_ERROR: entry(70, 502, "Host and guest agent do not understand each other; rebuild the image."),
  GUEST_ERROR: entry(70, 502, "The guest refused the request; the message says why."),
  OUTPUT_LIMIT: entry(70, 507, "Raise maxOutputBytes, or stream the output with onStdout."),
  // 127 and 126 are what a shell answers.
  COMMAND_NOT_FOUND: entry(
    127,
    404,
    "Install the program in the VM, or give the absolute path of the one that is meant.",
  ),
  COMMAND_NOT_EXECUTABLE: entry(
    126,
    400,
    "Make the file executable in the VM (`chmod +x`), or start it by its interpreter.",
  ),
  UNKNOWN_USER: entry(67, 404, "Give the name of a user in the VM's /etc/passwd, or numbers: uid or uid:gid."),
  PROCESS_NOT_FOUND: entry(66, 404, "List the detached processes of the VM with `smolvm ps ID`."),
  PROCESS_NAME_IN_USE: entry(73, 409, "Choose another name, or end the process that has it."),
  TIMEOUT: entry(124, 504, "Raise the timeout, or find out what takes so long."),
  // Files of the guest
  FILE_NOT_FOUND: entry(66, 404, "Check the path in the VM; missing directories above a file are made with `parents`."),
  FILE_EXISTS: entry(73, 409, "Choose another path, or allow what is there to be replaced."),
  IS_A_DIRECTORY: entry(74, 409, "Give the path of a file; directories are moved with upload() and download()."),
  NOT_A_DIRECTORY: entry(74, 409, "Give the path of a directory; a part of this one is a file."),
  NOT_A_FILE: entry(74, 409, "Give the path of a regular file; `atomic: false` writes into devices."),
  DIRECTORY_NOT_EMPTY: entry(74, 409, "Remove the directory with `recursive: true`, or choose an empty one."),
  PERMISSION_DENIED: entry(77, 403, "Check mount options and attributes in the VM: it is done as root already."),
  NO_SPACE: entry(74, 507, "Remove files in the VM, or create it with a larger diskMiB."),
  TRANSFER_LIMIT: entry(70, 507, "Raise the limit that the message names, or move less at once."),
  // Network
  NETWORK_UNAVAILABLE: entry(69, 503, 'Use `network: "user"`, which needs no privilege.'),
  PORT_IN_USE: entry(73, 409, "Choose another hostPort, or leave it out to get one that is free."),
  // Images
  IMAGE_NOT_FOUND: entry(66, 404, "List the images with `smolvm image ls`, or build one with `smolvm image build`."),
  IMAGE_CORRUPT: entry(70, 500, "Remove the image with `smolvm image rm` and build it again."),
  IMAGE_BUILD_FAILED: entry(70, 500, "Read the end of the build's output in the error's details."),
  IMAGE_IN_USE: entry(75, 409, "Delete the VMs that use the image first."),
  TEMPLATE_NOT_FOUND: entry(66, 404, 'Make it with `smolvm image warm`, or start the VM with from: "auto".'),
  // Snapshots
  SNAPSHOT_NOT_FOUND: entry(66, 404, "List the snapshots of this data directory with `smolvm snapshot ls`."),
  SNAPSHOT_ALREADY_EXISTS: entry(73, 409, "Choose another name, or delete the snapshot that has it."),
  SNAPSHOT_CORRUPT: entry(70, 500, "Delete the snapshot and make it again, or import it again."),
  SNAPSHOT_INCOMPATIBLE: entry(69, 409, "Use it on a machine, and with a release, like the one that made it."),
  POOL_EMPTY: entry(75, 503, 'Wait for `smolvm pool fill`, or start the VM with from: "auto".'),
  // The machine
  PREREQUISITE_MISSING: entry(69, 503, "Run `smolvm doctor`: it says what is missing and how to install it."),
  ACCELERATOR_UNAVAILABLE: entry(69, 503, "Use SMOLVM_ACCEL=auto, which takes what this machine can do."),
  STATE_ERROR: entry(74, 500, "Check that the data directory is writable and on a local file system."),
  IO_ERROR: entry(74, 500, "Check free space and permissions of the path in the message."),
};
