/**
 * The user's login shell, found out in the guest itself, so that it costs no request. `/bin/sh` is what a user has who chose none:
 * then it is bash, where there is one.
 */
export const LOGIN_SHELL: readonly string[] = [
  "/bin/sh",
  "-c",
  'if [ "${SHELL:-/bin/sh}" = /bin/sh ] && [ -x /bin/bash ]; then SHELL=/bin/bash; fi; export SHELL; exec "${SHELL:-/bin/sh}" -l',
];
