/**
 * Error numbers of the guest: Linux on x86 and ARM. The host's own table (`os.constants.errno`) is another one on macOS,
 * where for example 39 is EDESTADDRREQ and not ENOTEMPTY.
 */
const NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  18: "EXDEV",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  29: "ESPIPE",
  30: "EROFS",
  31: "EMLINK",
  32: "EPIPE",
  36: "ENAMETOOLONG",
  39: "ENOTEMPTY",
  40: "ELOOP",
  71: "EPROTO",
  74: "EBADMSG",
  75: "EOVERFLOW",
  84: "EILSEQ",
  95: "EOPNOTSUPP",
  116: "ESTALE",
  117: "EUCLEAN",
  122: "EDQUOT",
};

/** The name of a Linux error number, such as `"ENOENT"`; of one that files do not meet, `"errno 93"`. */
export function linuxErrnoName(errno: number): string {
  return NAMES[errno] ?? `errno ${errno}`;
}
