# The door. `make` lists the targets; everything is built under _build/<edition>/.
EDITION ?= quick
CORES ?= all
# Chapters by number or name, such as ONLY=03 or ONLY="03 07_optimizers": executed and checked, no site.
ONLY ?=
# 1: TensorFlow brings CUDA along, now and until GPU=0. Needs an NVIDIA driver.
GPU ?=
# What a claim does that the run does not repeat: "stop" ends the build, "mark" builds the pages all
# the same and marks the card, for a look at them on unusual hardware. Never publish these.
DISAGREEMENTS ?= stop
# Series of the record, such as main,avx2; all of the edition's if empty.
SERIES ?=
PORT ?=
# 1: Snakemake's own lines beside what a build says itself.
VERBOSE ?=
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
# What the surroundings say of Python, pip and drawing is not the course's.
export PYTHONUTF8 = 1
# Nor is what lies in the current folder under the name of a module.
export PYTHONSAFEPATH = 1
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PIP_USER PIP_TARGET PIP_PREFIX MPLBACKEND JUPYTER_PATH

# Where nobody may write at home, what the tools keep there goes beside what is built.
ifneq ($(shell test -w "$$HOME" || echo no),)
  export XDG_CACHE_HOME = $(CURDIR)/_build/home/cache
  export JUPYTER_RUNTIME_DIR = $(CURDIR)/_build/home/jupyter
  export MPLCONFIGDIR = $(CURDIR)/_build/home/matplotlib
endif

.DEFAULT_GOAL := help
.PHONY: help book test bench record colab serve lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-7s %s\n", $$1, $$2}'

# Whether the environment is the one that is wanted is told by content and place: a moment, each time.
# A Python that was named is the one that is used; otherwise an environment keeps the one it has.
$(READY): always
	@command -v $(PYTHON) > /dev/null || { echo "✗ There is no $(PYTHON). Name another Python: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -I -X utf8 src/trainlab/book/bootstrap.py --gpu "$(GPU)" $(if $(filter command environment,$(origin PYTHON)),--chosen)
.PHONY: always

# The chapters that ONLY names, one or more of them, by number or name; nothing without ONLY.
CHOSEN = $(if $(ONLY),$$($(BIN)/python -m trainlab.book.chosen $(ONLY)))

SAME = $(if $(filter-out quick,$(EDITION)),EDITION=$(EDITION)) $(if $(ONLY),ONLY='$(ONLY)')
KNOWN = test -d "profiles/$(EXECUTOR)" || { echo "✗ EXECUTOR=$(EXECUTOR) is not known; there are $(notdir $(wildcard profiles/*))." >&2; exit 1; }

# A chapter that failed last time runs first, if it is still there.
FAILED = $(filter $(notdir $(wildcard chapters/*.ipynb)),$(notdir $(wildcard $(BUILD)/broken/*.ipynb)))
book: $(READY) ## execute the chapters, check the claims, build the site (EDITION=quick|full)
	@$(KNOWN); chosen="$(CHOSEN)" && \
	  exec $(BIN)/snakemake --cores $(CORES) --profile profiles/$(EXECUTOR) \
	  --config edition=$(EDITION) chosen="$$chosen" again="$(strip make book $(SAME))" $(if $(VERBOSE),verbose=1) \
	  $(if $(ONLY),,$(foreach broken,$(FAILED),--prioritize $(BUILD)/executed/$(broken))) \
	  -- $$(test -n "$$chosen" && printf 'execute_%s ' $$chosen || echo book)

test: $(READY) system-packages ## everything that CI checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) book
	$(BIN)/python -m pytest -n 2 --dist loadfile --junitxml _build/tests.xml --nbval-lax --nbval-current-env tests $(BUILD)/executed

# Run executed chapters again: what they print must come out the same.
.PHONY: nbval
nbval: $(READY)
	@chosen="$(CHOSEN)" && $(BIN)/python -m pytest --nbval-lax --nbval-current-env \
	  $$(test -n "$$chosen" && printf '$(BUILD)/executed/%s.ipynb ' $$chosen || echo $(BUILD)/executed)

# On all cores, as `fit` and `model.fit` find them in a reader's own notebook.
bench: $(READY) ## measure against Keras and against the arithmetic; writes _build/bench.json
	env -u PYTHONSAFEPATH -u TF_NUM_INTRAOP_THREADS -u TF_NUM_INTEROP_THREADS -u OMP_NUM_THREADS \
		$(BIN)/python -m benchmarks

# A chapter that was measured at this state is not measured again.
record: $(READY) ## measure the record anew, after an experiment was changed (EDITION, ONLY)
	@$(KNOWN); chosen="$(CHOSEN)" && commit=$$($(BIN)/python -m trainlab.book.record begin) && \
	  exec $(BIN)/snakemake --cores $(CORES) --profile profiles/$(EXECUTOR) \
	  --config edition=$(EDITION) commit=$$commit $(if $(ONLY),only="$$(echo $$chosen | tr ' ' ,)") $(if $(SERIES),series=$(SERIES)) -- record

colab: $(READY) ## run every chapter alone, with the packages that Colab has
	@chosen="$(CHOSEN)" && $(BIN)/python -m trainlab.book.environments colab $$chosen

# The ledgers from which the page "Versions" is made.
.PHONY: versions
versions: $(READY)
	failed=; for name in oldest colab newest; do $(BIN)/python -m trainlab.book.environments $$name || failed=1; done; \
	  $(BIN)/python -m trainlab.book.versions && test -z "$$failed"

serve: $(READY) ## serve the built site on localhost (PORT, 8000 unless given)
	@$(BIN)/python -m trainlab.book.serve $(BUILD)/site $(PORT)

# The chapters then install your fork, at STATE (a branch or a tag; the branch you are on).
.PHONY: fork
fork: $(READY)
	@$(BIN)/python -m trainlab.book.repository $(ADDRESS) $(if $(STATE),--state $(STATE))

LAB := $(VENV)/.lab
$(LAB): requirements-lab.txt $(READY)
	$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python -r requirements-lab.txt
	touch $@

.PHONY: lab
lab: $(LAB) ## open copies of the chapters in JupyterLab
	@$(BIN)/python -m trainlab.book.lab

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
# and run Slurm, all of which come as Debian packages. Elsewhere the tests say what is missing.
.PHONY: system-packages
system-packages:
	@sh tests/apt.sh
