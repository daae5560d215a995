/**
 * The numbers of the wire protocol, as `guest/protocol.md` fixes them. Nothing else in the host's code names them.
 */

/** Bytes in front of each payload. */
export const HEADER_BYTES = 12;
/** The largest payload a frame may have; both sides refuse more before they read on. */
export const MAX_PAYLOAD_BYTES = 65_536;
/** The highest protocol version this host speaks. */
export const PROTOCOL_VERSION = 1;
/** Bytes of the NONCE in HELLO and WELCOME. */
export const NONCE_BYTES = 16;
/** What a stream's credit may be in sum. */
export const MAX_CREDIT_BYTES: number = 2 ** 31 - 1;
/** The highest id of a request. */
export const MAX_REQUEST_ID: number = 2 ** 32 - 1;
/** Output credit of a request that states no WINDOW. */
export const DEFAULT_WINDOW_BYTES = 262_144;
/** What the guest's kernel is given at most by one CONFIGURE. */
export const MAX_ENTROPY_BYTES = 512;

export const FrameType = {
  HELLO: 0x01,
  REQUEST: 0x02,
  CONTROL: 0x03,
  CANCEL: 0x04,
  DATA: 0x40,
  END: 0x41,
  CREDIT: 0x42,
  WELCOME: 0x81,
  STARTED: 0x82,
  RESULT: 0x83,
  GOAWAY: 0x84,
  SKIPPED: 0x85,
  EXITED: 0x86,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const Stream = { INPUT: 0, OUTPUT: 1, ERRORS: 2 } as const;
export type Stream = (typeof Stream)[keyof typeof Stream];
/** The streams that flow from the guest to the host. */
export type OutputStream = typeof Stream.OUTPUT | typeof Stream.ERRORS;

export const Method = {
  PING: 1,
  CONFIGURE: 2,
  EXEC: 3,
  POWEROFF: 4,
  PREPARE_FREEZE: 5,
  ACTIVITY: 6,
  FILE_READ: 16,
  FILE_WRITE: 17,
  FILE_STAT: 18,
  FILE_LIST: 19,
  FILE_MAKE_DIRECTORY: 20,
  FILE_REMOVE: 21,
  FILE_RENAME: 22,
  FILE_CHANGE: 23,
  FILE_SYMLINK: 24,
  FILE_WATCH: 25,
  TREE_READ: 26,
  TREE_WRITE: 27,
  CONNECT: 32,
  WAIT_PORT: 33,
  PROCESS_LIST: 48,
  PROCESS_ATTACH: 49,
  PROCESS_SIGNAL: 50,
} as const;
export type Method = (typeof Method)[keyof typeof Method];

export const Tag = {
  VERSION: 1,
  NONCE: 2,
  AGENT: 3,
  MAX_REQUESTS: 4,
  WINDOW: 5,
  METHOD: 6,
  STATUS: 7,
  ERRNO: 8,
  MESSAGE: 9,
  PID: 10,
  EXIT_CODE: 11,
  SIGNAL: 12,
  DURATION_US: 13,
  ARG: 14,
  ENV: 15,
  CWD: 16,
  FLAGS: 17,
  GRACE_MS: 18,
  HOSTNAME: 19,
  CLOCK_NS: 20,
  ENTROPY: 21,
  ADDRESS: 22,
  GATEWAY: 23,
  RESOLVER: 24,
  GROW_ROOT: 25,
  COLUMNS: 26,
  ROWS: 27,
  USER: 28,
  UID: 29,
  GID: 30,
  PROCESS: 31,
  NAME: 32,
  OOM_KILLED: 33,
  START_NS: 34,
  STREAM: 35,
  SKIPPED: 36,
  PATH: 37,
  TARGET: 38,
  OFFSET: 39,
  LENGTH: 40,
  MODE: 41,
  SIZE: 42,
  MTIME_NS: 43,
  CTIME_NS: 44,
  INODE: 45,
  LINKS: 46,
  EVENT: 47,
  PORT: 48,
  MACHINE_ID: 49,
  MAC: 50,
  SSH_HOST_KEY: 51,
  SSH_HOST_PUBLIC_KEY: 52,
  NEW_IDENTITY: 53,
  LIFETIME_MS: 54,
  IDLE_MS: 55,
  BUSY_US: 56,
} as const;
export type Tag = (typeof Tag)[keyof typeof Tag];

export const Status = {
  OK: 0,
  BAD_REQUEST: 1,
  UNKNOWN_METHOD: 2,
  BUSY: 3,
  NOT_FOUND: 4,
  NOT_EXECUTABLE: 5,
  BAD_CWD: 6,
  SYSTEM: 7,
  CANCELLED: 8,
  UNSUPPORTED_VERSION: 9,
  PROTOCOL: 10,
  UNKNOWN_USER: 11,
  NO_PROCESS: 12,
  NAME_IN_USE: 13,
  NOT_REGULAR: 14,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** FLAGS of CONFIGURE. */
export const ConfigureFlag = { REPLACES_ENV: 1 } as const;
/** FLAGS of PREPARE_FREEZE. */
export const FreezeFlag = { SYNC_DISKS: 1, KEEP_PROCESSES: 2, THAW: 4 } as const;
/** FLAGS of EXEC. */
export const ExecFlag = { INPUT: 1, TTY: 2, DETACHED: 4 } as const;
/** FLAGS of the methods of files. */
export const FileFlag = {
  NO_FOLLOW: 1,
  RECURSIVE: 2,
  EXCLUSIVE: 4,
  PARENTS: 8,
  FORCE: 16,
  IN_PLACE: 32,
  APPEND: 64,
} as const;
/** FLAGS of a record of a tree stream. */
export const TreeFlag = { LEAVE: 1 } as const;
/** EVENT of a record of FILE_WATCH. */
export const WatchEvent = { CREATED: 1, MODIFIED: 2, REMOVED: 3, ATTRIBUTES: 4, OVERFLOW: 5 } as const;
/** The largest record on a stream, and the largest extent of a file in a tree stream. */
export const MAX_RECORD_BYTES = 65_536;
export const MAX_EXTENT_BYTES = 1_048_576;

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(FrameType));

/** Whether the byte is a frame type of this protocol version. */
export function isFrameType(value: number): value is FrameType {
  return KNOWN_TYPES.has(value);
}

const STATUS_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(Status).map(([name, value]) => [value, name]));

/** The name of a status, for messages and `details`; a status of a newer guest is named by its number. */
export function statusName(status: number): string {
  return STATUS_NAMES.get(status) ?? `STATUS_${status}`;
}
