/**
 * Signal numbers of the guest: Linux on x86 and ARM. The host's own table (`os.constants.signals`) is another one on
 * macOS, where for example 10 is SIGBUS and not SIGUSR1.
 */
const NAMES: readonly (NodeJS.Signals | null)[] = [
  null,
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGILL",
  "SIGTRAP",
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGKILL",
  "SIGUSR1",
  "SIGSEGV",
  "SIGUSR2",
  "SIGPIPE",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGCHLD",
  "SIGCONT",
  "SIGSTOP",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGURG",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGPROF",
  "SIGWINCH",
  "SIGIO",
  "SIGPWR",
  "SIGSYS",
];

const ALIASES: Readonly<Record<string, NodeJS.Signals>> = {
  SIGIOT: "SIGABRT",
  SIGPOLL: "SIGIO",
  SIGUNUSED: "SIGSYS",
};

const HIGHEST_SIGNAL = 64;

/** The Linux number of a signal, or undefined for what Linux does not have. */
export function linuxSignalNumber(signal: NodeJS.Signals | number): number | undefined {
  if (typeof signal === "number") return isLinuxSignal(signal) ? signal : undefined;
  const number = NAMES.indexOf(ALIASES[signal] ?? signal);
  return number === -1 ? undefined : number;
}

/** The name of a Linux signal number; null for the real-time signals, which Node has no names for. */
export function linuxSignalName(number: number): NodeJS.Signals | null {
  return NAMES[number] ?? null;
}

/** Whether Linux has a signal of this number. */
export function isLinuxSignal(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= HIGHEST_SIGNAL;
}
