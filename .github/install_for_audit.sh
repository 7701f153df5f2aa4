#!/usr/bin/env bash
# Install undertone for action.yml into $RUNNER_TEMP/undertone: UNDERTONE_PACKAGE from the registry, or else the checkout
# UNDERTONE_SOURCE with the packages of its requirements.lock, by hash.
set -euo pipefail
venv="$RUNNER_TEMP/undertone"
python -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet)
if [[ -n ${UNDERTONE_PACKAGE:-} ]]; then
  # after --, nothing is an option
  "${pip[@]}" -- "$UNDERTONE_PACKAGE"
else
  locked() { python -P "$UNDERTONE_SOURCE/tests/locked_requirements.py" "$1"; }
  locked build > "$RUNNER_TEMP/build.txt"
  "${pip[@]}" --require-hashes --no-deps -r "$RUNNER_TEMP/build.txt"
  locked rest > "$RUNNER_TEMP/rest.txt"
  "${pip[@]}" --require-hashes --no-deps --no-build-isolation -r "$RUNNER_TEMP/rest.txt"
  "${pip[@]}" --no-deps --no-build-isolation -- "$UNDERTONE_SOURCE"
fi
"$venv/bin/undertone" --version
