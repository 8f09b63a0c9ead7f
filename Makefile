# Everything here needs only Python >= 3.11 and pip. `make` alone says what there is.

PYTHON ?= python3

# torch and torchvision are released in pairs; `make pins` wants both named.
TORCH ?= 2.14.1
TORCHVISION ?= 0.29.1
# Further options of `uv pip compile`, say --upgrade or --upgrade-package=pillow.
PINS ?=

# There when the environment is complete, and as old as the last complete installation.
STAMP := .venv/.installed
# The jobs of Snakemake call `python`: let it be the environment's.
RUN := PATH="$(CURDIR)/.venv/bin:$$PATH"

.DEFAULT_GOAL := help
.PHONY: help install demo test lint bench docs format pins

help: ## say what there is
	@echo "make TARGET, where TARGET is one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON names another interpreter: make install PYTHON=python3.12"

install: $(STAMP) ## make .venv with the pinned packages (about 6 GB with CUDA)

# Without a stamp, .venv is absent or half made: it is made afresh. The package itself is built
# with the pinned setuptools, hence no isolated build.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "'$(PYTHON)' is not Python 3.11 or newer; name one that is," \
	    "for example: make install PYTHON=python3.12" >&2; exit 1; }
	test -e $@ || $(PYTHON) -m venv --clear .venv
	rm -f $@
	.venv/bin/python -m pip install --requirement requirements.txt
	.venv/bin/python -m pip install --no-deps --no-build-isolation --editable .
	touch $@

demo: install ## stylize a few small sample photographs
	$(RUN) python workflow/scripts/make_samples.py
	$(RUN) snakemake --cores all --resources gpu=1 --configfile demo.yaml
	@echo "Done. Open results/gallery/index.html, or compare the sheets in results/grids/."

test: lint ## run the checks, then all tests
	$(RUN) pytest

lint: install ## check style, types and the workflow
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) snakefmt --check Snakefile workflow/rules
# A fresh clone has no images of its own to plan a sweep with.
	$(RUN) snakemake --lint --config content=docs/pictures style=docs/pictures

bench: install ## race the textbook's loop against this one (an hour on two cores)
	$(RUN) python workflow/scripts/make_samples.py
	$(RUN) python benchmarks/run.py --write results/bench.md --sheets results

docs: install ## write docs/configuration.md anew from the schema
	$(RUN) python workflow/scripts/config_reference.py

format: install ## put the code into the house's form
	$(RUN) ruff check --fix-only
	$(RUN) ruff format
	$(RUN) snakefmt Snakefile workflow/rules

# Pins already in requirements.txt are kept unless PINS says otherwise. The CUDA libraries are
# left out: torch requires its own, and so the same file serves machines without them.
pins: ## write requirements.txt anew from pyproject.toml
	printf 'torch==$(TORCH)\ntorchvision==$(TORCHVISION)\n' | .venv/bin/uv pip compile \
	  pyproject.toml --constraint - --all-extras --universal --python-version 3.11 \
	  --fork-strategy fewest --annotation-style line --no-header --quiet $(PINS) \
	  --output-file requirements.txt
	{ echo "# Made by 'make pins' (uv pip compile, see the Makefile): pyproject.toml with all extras,"; \
	  echo "# for Linux and macOS and Python >= 3.11. The CUDA libraries are pinned by torch itself."; \
	  grep -vE '^(#|cuda|nvidia|triton)' requirements.txt; } > .venv/pins
	mv .venv/pins requirements.txt
