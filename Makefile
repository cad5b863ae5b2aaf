# The door. `make` lists the targets; everything is built under _build/<edition>/.
EDITION ?= quick
CORES ?= all
# One chapter, such as 03_initialization: executed and checked, no site.
ONLY ?=
# Not empty: TensorFlow brings CUDA along. Needs an NVIDIA driver, and a new .venv.
GPU ?=
# What a claim does that the run does not repeat: "stop" ends the build, "mark" builds the pages all
# the same and marks the card, for a look at them on unusual hardware. Never publish these.
DISAGREEMENTS ?= stop
# Series of the record, such as main,avx2; all of the edition's if empty.
SERIES ?=
# "local", or the name of a Snakemake executor plugin such as slurm (see profiles/).
EXECUTOR ?= local

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILD := _build/$(EDITION)

# One thread a chapter, here and when nbval runs it again: see trainlab.book.execute.
export TF_NUM_INTRAOP_THREADS = 1
export TF_NUM_INTEROP_THREADS = 1
export OMP_NUM_THREADS = 1
export TF_CPP_MIN_LOG_LEVEL = 3
export TRAINLAB_DISAGREEMENTS = $(DISAGREEMENTS)

.DEFAULT_GOAL := help
.PHONY: help book test bench record colab serve lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-7s %s\n", $$1, $$2}'

# Compiled once: where Python may write no bytecode, every process would compile what it imports.
$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ /p}' requirements.txt > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements.txt
	$(if $(GPU),$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python -r requirements-gpu.txt)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# A chapter that failed last time runs first.
book: $(READY) ## execute the chapters, check the claims, build the site (EDITION=quick|full)
	@$(BIN)/snakemake --cores $(CORES) --profile profiles/$(EXECUTOR) --config edition=$(EDITION) \
	  $(foreach broken,$(notdir $(wildcard $(BUILD)/broken/*.ipynb)),--prioritize $(BUILD)/executed/$(broken)) \
	  $(if $(ONLY),-- $(BUILD)/reports/$(ONLY).json)

test: $(READY) system-packages ## everything that CI checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) book
	$(BIN)/python -m pytest -n 2 --dist loadfile --nbval-lax --nbval-current-env tests $(BUILD)/executed

# Run executed chapters again: what they print must come out the same.
.PHONY: nbval
nbval: $(READY)
	$(BIN)/python -m pytest --nbval-lax --nbval-current-env $(BUILD)/executed$(if $(ONLY),/$(ONLY).ipynb)

# On all cores, as `fit` and `model.fit` find them in a reader's own notebook.
bench: $(READY) ## measure against Keras and against the arithmetic; writes _build/bench.json
	env -u TF_NUM_INTRAOP_THREADS -u TF_NUM_INTEROP_THREADS -u OMP_NUM_THREADS \
		$(BIN)/python -m benchmarks

# A chapter that was measured at this state is not measured again.
record: $(READY) ## measure the record anew, after an experiment was changed (EDITION, ONLY)
	@commit=$$($(BIN)/python -m trainlab.book.record begin) && \
	  $(BIN)/snakemake --cores $(CORES) --profile profiles/$(EXECUTOR) \
	  --config edition=$(EDITION) commit=$$commit $(if $(ONLY),only=$(ONLY)) $(if $(SERIES),series=$(SERIES)) -- record

colab: $(READY) ## run every chapter alone, with the packages that Colab has
	$(BIN)/python -m trainlab.book.environments colab $(ONLY)

# The ledgers from which the page "Versions" is made.
.PHONY: versions
versions: $(READY)
	failed=; for name in oldest colab newest; do $(BIN)/python -m trainlab.book.environments $$name || failed=1; done; \
	  $(BIN)/python -m trainlab.book.versions && test -z "$$failed"

serve: $(READY) ## serve the built site on localhost
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(BUILD)/site 8000

# Two ledgers side by side, as in: make compare OLD=cpu/claims.json NEW=gpu/claims.json
.PHONY: compare
compare: $(READY)
	@$(BIN)/python -m trainlab.book.compare $(OLD) $(NEW)

# Builds killed at random moments, each completed by the next one.
.PHONY: kills
kills: $(READY)
	$(BIN)/python tests/kills.py --kills $(or $(KILLS),200)

lock: ## resolve pyproject.toml anew into requirements*.txt
	$(PYTHON) -m venv _build/lock
	_build/lock/bin/python -m pip install --quiet uv
	_build/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 --group book --group test pyproject.toml --upgrade --output-file requirements.txt
	echo 'tensorflow[and-cuda]' | _build/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 --constraint requirements.txt --output-file requirements-gpu.txt -

clean: ## remove what was built, but not the environment
	rm -rf _build .snakemake

# The tests compare the shipped subset with the whole of Fashion-MNIST, look at the pages in a browser
# and run Slurm; tests/apt.txt names the Debian packages for it. Elsewhere the tests say what is missing.
.PHONY: system-packages
system-packages:
	@if command -v apt-get > /dev/null && ! dpkg --status $$(cat tests/apt.txt) > /dev/null 2>&1; then \
	  SUDO=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq --no-install-recommends $$(cat tests/apt.txt) > /dev/null; \
	fi
