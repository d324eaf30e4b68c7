#!/usr/bin/env bash
# Set a node up: the project at the versions of constraints.txt, and the environment of its shells.
# Whatever is there already is brought up to date.
set -euo pipefail
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
chmod 600 ~/.unlearn/cluster.env
. ~/.unlearn/cluster.env

if ! python3 -c 'import ensurepip' 2> /dev/null; then
  sudo apt-get -o DPkg::Lock::Timeout=600 update -q
  sudo apt-get -o DPkg::Lock::Timeout=600 install -qy python3-venv
fi
test -x ~/venv/bin/python || python3 -m venv ~/venv
~/venv/bin/python -m pip install --quiet --constraint "$project/cluster/constraints.txt" \
  "$project[cluster${UNLEARN_EXTRAS:+,$UNLEARN_EXTRAS}]"

environment=$project/cluster/environment.sh
grep -qF "$environment" ~/.bashrc 2> /dev/null || echo ". $environment" >> ~/.bashrc
. "$environment"
mkdir -p "$UNLEARN_HOME" 2> /dev/null || sudo install -d -o "$(id -un)" "$UNLEARN_HOME"
