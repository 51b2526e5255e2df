# Two commands carry a new user: `make reproduce` and `make test`. Both set up .venv from requirements.lock first.
PYTHON ?= python3
SHELL := /bin/bash
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Byte-compiles what the workflow imports, and only that: all of torch and transformers takes minutes, and without it
# every job of the first run would compile for itself (each one always, where PYTHONDONTWRITEBYTECODE is set).
COMPILE = PYTHONDONTWRITEBYTECODE= python -W ignore -c 'import dvc.repo, snakemake.api, tyro; \
	import transformers.models.llama.modeling_llama; from transformers import AutoModelForCausalLM, AutoTokenizer; \
	import sparse_circuits.circuits.bench, sparse_circuits.figures.registry, sparse_circuits.report.page; \
	import sparse_circuits.models.convert, sparse_circuits.sae.evaluate, sparse_circuits.sae.train; \
	import sparse_circuits.interpret.describe, sparse_circuits.sources.documents'

# The programs of a copied or moved .venv run those of the clone that it was made in: it is made anew.
HERE = $$(pwd -P)/$(VENV)/bin/
FOREIGN := $(shell test ! -e $(VENV)/bin/pip || grep -qF -e "!$(HERE)" -e " $(HERE)" -e "\"$(HERE)" $(VENV)/bin/pip || echo yes)

.PHONY: help setup reproduce restore extras docs gallery architecture test check bench dvc.yaml schemas clean

help:
	@echo "make setup      make .venv, from requirements.lock"
	@echo "make reproduce  set up and run the default study; then print its main numbers"
	@echo "make restore    set up and bring the recorded artefacts from the DVC remote, instead of computing them"
	@echo "make extras     add what clusters, remotes on S3, RO-Crates, the docs site and browser tests need"
	@echo "make test       set up, check style and types, run all tests"
	@echo "make check      check style, types, imports and the workflow"
	@echo "make docs       build the documentation site in build/site"
	@echo "make gallery    draw the figures of docs/reference/gallery.md anew, from the test studies"
	@echo "make architecture  draw the picture of the packages anew"
	@echo "make bench      have SAELens read what we save; measure speed beside other libraries; writes docs/experiments/performance.md"
	@echo "make schemas    write the schemas of settings, and the reference of settings and programs, anew"
	@echo "make dvc.yaml   write dvc.yaml anew from the workflow's graph"

# The lock pins everything, so nothing needs resolving (--no-deps). torch comes first and by itself: where CUDA is
# present the same pin is its GPU build, with CUDA libraries that the lock leaves to it.
$(VENV)/.ready: requirements.lock pyproject.toml $(if $(FOREIGN),foreign)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, found " + sys.version.split()[0])'
	$(PYTHON) -m venv $(if $(FOREIGN),--clear) $(VENV)
	pip install --quiet --disable-pip-version-check --no-compile "$$(grep '^torch==' requirements.lock)"
	pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement requirements.lock
	pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable .
	$(COMPILE)
	PYTHONDONTWRITEBYTECODE= dvc status --quiet || true
	touch $@

setup: $(VENV)/.ready

.PHONY: foreign
foreign:

# What clusters, remotes on S3 and exports need, and their tests: not part of the first run.
$(VENV)/.extras: $(VENV)/.ready requirements-extras.lock
	pip install --quiet --disable-pip-version-check --no-compile --no-deps --requirement requirements-extras.lock
	PYTHONDONTWRITEBYTECODE= snakemake --version > /dev/null
	touch $@

extras: $(VENV)/.extras

docs: $(VENV)/.extras
	mkdocs build --strict

# One figure of each kind for docs/reference/gallery.md, from the studies that the tests run.
gallery: $(VENV)/.ready
	python tests/make_fixtures.py
	export SPARSE_CIRCUITS_CPU_BF16=0; for study in study vision code; do \
		snakemake --configfile config/test/$$study.yaml -- figures || exit 1; done
	snakemake --configfile config/test/study.yaml -- runtime
	python scripts/make_gallery.py --figures results/figures --folder docs/images/gallery

architecture: $(VENV)/.ready
	python scripts/draw_architecture.py

reproduce: $(VENV)/.ready
	snakemake --quiet rules host -- snapshot
	sparse-circuits summary results/report/language

restore: $(VENV)/.ready
	sparse-circuits restore
	sparse-circuits summary results/report/language

test: check $(VENV)/.extras
	$(MAKE) --jobs 2 --keep-going test-here test-cluster

# The tests on a cluster mostly wait.
.PHONY: test-here test-cluster
test-here:
	flags=$$(bash tests/report/browser/ignored.sh) && pytest --ignore tests/cluster $$flags --numprocesses 2 --dist worksteal

test-cluster:
	bash tests/cluster/run.sh

check: $(VENV)/.ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	lint-imports
	mypy
	snakemake --lint

bench: $(VENV)/.ready
	bash benchmarks/setup_rivals.sh
	python benchmarks/saelens_parity.py
	python benchmarks/run_all.py

dvc.yaml: $(VENV)/.ready
	python scripts/write_dvc_yaml.py

schemas: $(VENV)/.ready
	python -m sparse_circuits.studies.schema
	python scripts/write_reference.py

clean:
	rm -rf $(VENV) .snakemake logs
