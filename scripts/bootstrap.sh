# Sourced by demo.sh and test.sh, in the root of the checkout: brings npm, the dependencies and with them Node 24.
# POSIX sh. Everything that can be done once Node is there is done in TypeScript.

say() { printf '  %-18s %s\n' "$1" "$2"; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Debian's npm brings an old Node along, which is enough to fetch a new one.
install_npm() {
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "npm was not found. Install Node.js 24 or newer with npm, then run this again." >&2
    exit 69
  fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
    echo "npm was not found. Run this as root once, or install it: apt-get install npm" >&2
    exit 69
  fi
  say npm "not found: installing the package npm with apt-get …"
  log=$(mktemp)
  set -- -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" update >"$log" 2>&1 ||
    say npm "warning: apt-get update failed for a source; going on with the others"
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" -y --no-install-recommends install npm >"$log" 2>&1; then
    cat "$log" >&2
    exit 69
  fi
  rm -f "$log"
  say npm "installed ($(($(date +%s) - started)) s)"
}

install_dependencies() {
  say dependencies "npm ci …"
  began=$(date +%s)
  # What npm says about old Node versions is true and does not matter: it is used for this step only.
  if ! output=$(npm ci --no-audit --no-fund --loglevel=error 2>&1); then
    printf '%s\n' "$output" >&2
    exit 69
  fi
  say dependencies "installed ($(($(date +%s) - began)) s)"
}

started=$(date +%s)
stamp=node_modules/.installed-from
wanted=$(cksum package-lock.json)
node=node_modules/.bin/node

if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || ! [ -x "$node" ]; then
  command -v npm >/dev/null 2>&1 || install_npm
  install_dependencies
  if ! "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' 2>/dev/null; then
    echo "npm did not bring Node.js 24: install scripts are switched off (ignore-scripts), which its package needs." >&2
    echo "Run: npm ci --ignore-scripts=false" >&2
    exit 69
  fi
  printf '%s\n' "$wanted" >"$stamp"
else
  say dependencies "up to date"
fi
