#!/bin/sh
# Sets everything up and runs every tier of tests that this machine can run.
set -eu
cd "$(dirname "$0")/.."
echo "Setting up"
. scripts/bootstrap.sh
"$node" scripts/setup.ts run image test
exec "$node" test/run.ts "$@"
