# This needs only Python >= 3.11 and pip. `make` alone lists the targets.

PYTHON ?= python3

# torch and torchvision are released in pairs, so `make pins` pins both.
TORCH ?= 2.14.1
TORCHVISION ?= 0.29.1
# More options for `uv pip compile`, such as --upgrade or --upgrade-package=pillow.
PINS ?=

# This file exists when the environment is complete. Its date is that of the last installation.
STAMP := .venv/.installed
# Snakemake's jobs call `python`: this makes it the environment's.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"
# Processes of pytest share the cores: their libraries get one thread each, and no thread spins.
PYTEST := $(RUN) OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive pytest --numprocesses logical --maxprocesses 4

# The slow tests wait for Slurm, a browser, and ends of programs. So there is one process more than
# cores, but no more than four. Each file has one process, which runs its pipelines once.
SLOW := $(PYTEST) --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-ci pytest lint bench docs format pins

help: ## list the targets
	@echo "Usage: make TARGET"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile
	@echo "To choose the Python interpreter: make install PYTHON=python3.12"

install: $(STAMP) ## install the pinned packages into .venv (about 6 GB with CUDA)

# Without the stamp, .venv is missing or incomplete, so it is created again. The package is built
# with the pinned hatchling, so the build is not isolated.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "'$(PYTHON)' is not Python 3.11 or newer; name another interpreter," \
	    "for example: make install PYTHON=python3.12" >&2; exit 1; }
	test -e $@ || $(PYTHON) -m venv --clear .venv
	rm -f $@
	.venv/bin/python -m pip install --requirement requirements.txt
	.venv/bin/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@

demo: install ## stylize a sample image in four styles (a few minutes on a CPU)
	$(RUN) snakemake --cores all --resources gpu=1 --configfile demo.yaml

# The linters need a core for less than a minute, so they run beside the tests.
test: install ## run the linters and the fast tests (4 to 8 minutes on two cores)
	$(MAKE) --no-print-directory --jobs=2 lint pytest

test-all: test ## run all tests: also the slow ones, those in a browser, and those on Slurm
	$(SLOW) -m '(slow or slurm or browser) and not cuda'

test-ci: test ## run what CI runs: all tests but the longest
	$(SLOW) -m '(slow or slurm or browser) and not (long or cuda)'

pytest: install
	$(PYTEST) --dist worksteal -m 'not (slow or slurm or browser or cuda)'

lint: install ## check style, types, and the workflow
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow/rules
# A fresh clone has no images in images/content and images/style.
	$(RUN) snakemake --lint --configfile demo.yaml

bench: install ## compare the speed with a plain implementation (an hour on two cores)
	$(RUN) python benchmarks/run.py --write results/bench.md --grids results

docs: install ## write config.yaml, its schema, and docs/configuration.md from the keys
	$(RUN) python docs/tools/config_reference.py

format: install ## format the code
	$(RUN) ruff check --fix-only
	$(RUN) ruff format
	$(RUN) snakefmt Snakefile workflow/rules

# Existing pins in requirements.txt are kept unless PINS says otherwise. The CUDA libraries are left
# out, because torch requires its own, and so the file also works on machines without CUDA.
pins: ## write requirements.txt from pyproject.toml
	printf 'torch==$(TORCH)\ntorchvision==$(TORCHVISION)\n' | .venv/bin/uv pip compile \
	  pyproject.toml --constraint - --all-extras --universal --python-version 3.11 \
	  --fork-strategy fewest --annotation-style line --no-header --quiet $(PINS) \
	  --output-file requirements.txt
	{ echo "# Made by 'make pins' (uv pip compile, see the Makefile): pyproject.toml with all extras,"; \
	  echo "# for Linux and macOS and Python >= 3.11. The CUDA libraries are pinned by torch itself."; \
	  grep -vE '^(#|cuda|nvidia|triton)' requirements.txt; } > .venv/pins
	mv .venv/pins requirements.txt
