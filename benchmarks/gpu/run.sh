#!/usr/bin/env bash
# Measure on a machine with a GPU of CUDA, where nothing can be downloaded: see RESULTS.md. Takes at most 8 minutes.
#
#   benchmarks/gpu/pack.sh                            beforehand, where there is a network: fills .whl/
#   OUT=results/gpu benchmarks/gpu/run.sh             everything, most important first
#   OUT=results/gpu benchmarks/gpu/run.sh --only tests iterations
#   OUT=results/gpu benchmarks/gpu/run.sh --device cpu --quick    whether the steps work at all
#
# The machine needs Python with torch, numpy, pillow, scipy, matplotlib, psutil, pyyaml and tqdm; the rest comes from .whl/ if
# that is there. Each result is written at once, to $OUT/results.json and $OUT/results.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export OUT="${OUT:-results/gpu}"
export PYTHONPATH="$PWD/workflow:$PWD/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
mkdir -p "$OUT"
# Each job of the sweep imports Snakemake or parts of it again, which takes twice as long without compiled files.
unset PYTHONDONTWRITEBYTECODE

if [ -d .whl ]; then
  site="$(mktemp -d)"
  trap 'rm -rf "$site"' EXIT
  # The machine's own packages come first but for those in .whl/.
  python3 -m pip --disable-pip-version-check install --quiet --no-index --no-deps --no-compile --target "$site" .whl/*.whl
  python3 -m compileall -q -j 0 "$site" || true  # what cannot be compiled is not imported either
  export PYTHONPATH="$site:$PYTHONPATH"
fi
# What the installation took counts, too.
python3 benchmarks/gpu/measure.py --out "$OUT" --seconds "$((480 - SECONDS))" "$@"
