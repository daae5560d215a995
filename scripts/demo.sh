#!/bin/sh
# Sets everything up, boots a VM, runs a command in it, deletes it.
set -eu
cd "$(dirname "$0")/.."
echo "Setting up"
. scripts/bootstrap.sh
exec "$node" scripts/demo.ts
