# posenc: `make help` lists what there is. Needs a POSIX shell, make and Python 3.11 or newer.

PYTHON ?= python3
PY ?= .venv/bin/python
JOBS ?= 2
LAB_ARGS ?=
LAB_ROOT ?= $(CURDIR)
BINDER_ARGS ?=
BENCH_ARGS ?=
EXPERIMENTS ?=
FAMILIES ?=
MUTANTS ?=
LOAD_ARGS ?=

# With PY=/path/to/python nothing is installed: the environment is then yours to keep.
ifeq ($(subst ",,$(PY)),.venv/bin/python)
RUN_TIME := .venv/posenc-run-time
TEST_TOOLS := .venv/posenc-test-tools
CLASSROOM := .venv/posenc-classroom
endif

# Quoted once for every recipe: the path may hold spaces. Without those of a make that called this.
override PY := "$(subst ",,$(PY))"

# Jupyter, matplotlib and IPython want a home folder that can be written.
ifneq ($(shell [ -w "$$HOME" ] && echo yes),yes)
export HOME := $(shell mktemp -d)
$(info make: there is no home folder that can be written; $(HOME) stands in for it)
endif

PIP := $(PY) -m pip install --disable-pip-version-check
TITLE = @printf '\n== %s ==\n'

# One thread each: at these sizes two threads on a busy machine are slower, and sums keep one order.
test test-% notebooks notebooks-compare html slides readme-picture experiments parity mutants binder-check: export OMP_NUM_THREADS = 1
test test-% notebooks notebooks-compare html slides readme-picture experiments parity mutants binder-check: export MKL_NUM_THREADS = 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab install install-test-tools test test-lint test-library test-bad-input test-notebooks test-browser test-panels test-graphs
.PHONY: notebooks notebooks-compare book catalogues slides handouts handouts-check readme-picture experiments parity families mutants bench bench-core bench-gpu bench-widgets bench-book format binder-check wheel-check classroom classroom-load clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile
	@printf '%s\n' '' 'Variables:' \
	  '  PYTHON=python3.12    the Python that makes .venv (3.11 or newer)' \
	  '  CPU=1                take the small CPU-only build of torch (for Linux; through uv)' \
	  '  PY=/path/to/python   use this environment as it is; install nothing' \
	  '  LAB_ARGS="..."       more arguments for JupyterLab, such as --port=9000 or --no-browser' \
	  '  JOBS=2               test processes, or training runs, side by side'

lab: $(RUN_TIME)  ## install on the first run, then open the start page in JupyterLab
	@JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
	exec $(PY) -m jupyterlab --ip=127.0.0.1 --ServerApp.root_dir="$(LAB_ROOT)" \
	  --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb \
	  $$([ "$$(id -u)" != 0 ] || echo --allow-root) $(LAB_ARGS)

install: $(RUN_TIME)  ## make .venv and install, without opening anything

install-test-tools: $(TEST_TOOLS)  ## the same with what the tests need

# The stamp files lie inside .venv: they go when it goes, and a second run installs nothing.
.venv/posenc-run-time: requirements.txt pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "make: '$(PYTHON)' was not found. Name a Python 3.11 or newer: make lab PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: posenc needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1). Name another: make lab PYTHON=python3.12" >&2; exit 1; }
	@[ -w . ] || { \
	  echo "make: this folder cannot be written. Name an environment that is there: make lab PY=/path/to/python" >&2; exit 1; }
	@echo "Installing into .venv (the first time only; a few minutes, mostly torch)"
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	$(if $(CPU),sh binder/install-torch-cpu .venv/bin/python)
	$(PIP) -r requirements.txt
	@touch $@

.venv/posenc-test-tools: tests/requirements.txt .venv/posenc-run-time
	$(PIP) -r tests/requirements.txt
	@touch $@

.venv/posenc-classroom: classroom/requirements.txt classroom/proxy/package-lock.json .venv/posenc-run-time
	$(PIP) -r classroom/requirements.txt
	$(PY) -m classroom.proxy
	$(PY) -m compileall -q posenc_lib classroom/*.py
	@touch $@

# One after the other, whatever -j says: the notebooks and the browser want both cores.
test: $(TEST_TOOLS)  ## run everything: lint, library, bad input, notebooks, browser
	@$(MAKE) --no-print-directory -j1 test-lint test-library test-bad-input test-notebooks test-browser

test-lint: $(TEST_TOOLS)  ## ruff, mypy, and the notebooks are normalised
	$(TITLE) 'Lint'
	$(PY) -m ruff check --no-cache .
	$(PY) -m ruff format --no-cache --check .
	$(PY) -m mypy -n $(JOBS)
	$(PY) -m tools.notebooks --check

test-library: $(TEST_TOOLS)  ## laws, parity, doctests and notebook lint, with shapes checked at run time
	$(TITLE) 'Library, doctests and notebook lint, with shape checks'
	$(PY) -m pytest posenc_lib tests --doctest-modules -n $(JOBS) \
	  -m 'not bad_input and not unchecked and not browser and not every_graph' \
	  --jaxtyping-packages=posenc_lib,tests.typechecker.typechecker

# The shape checker would answer before our own errors do, and torch.compile cannot trace it.
test-bad-input: $(TEST_TOOLS)  ## bad input is refused with errors that help; compiled graphs
	$(TITLE) 'Bad input and compiled graphs, without shape checks'
	$(PY) -m pytest tests -n $(JOBS) --dist loadgroup -m '(bad_input or unchecked) and not every_graph'

# Apart from `make test`: minutes of tracing. Another test traces each of these ways already.
test-graphs: $(TEST_TOOLS)  ## every encoding and layer compiled and exported, and checked by all laws (long)
	$(TITLE) 'Every compiled and exported graph'
	$(PY) -m pytest tests -n $(JOBS) -m 'unchecked or every_graph'

test-notebooks: $(TEST_TOOLS)  ## every notebook gives its stored outputs again (nbval, strict)
	$(TITLE) 'Notebooks against their stored outputs'
	TQDM_DISABLE=1 $(PY) -m pytest notebooks --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg -p no:cacheprovider -n $(JOBS) --dist loadfile

test-browser: $(TEST_TOOLS)  ## every notebook and panel in JupyterLab and Chromium
	$(TITLE) 'Notebooks and panels in a real browser'
	$(PY) -m pytest tests/browser -m 'browser and not long' -n $(JOBS) --dist loadfile

# Apart from `make test`: several minutes of moving every control of every panel.
test-panels: $(TEST_TOOLS)  ## every control of every panel over all that it allows, in Chromium (long)
	$(TITLE) 'Every control of every panel'
	POSENC_SWEEP=full $(PY) -m pytest tests/browser -m browser

notebooks: $(TEST_TOOLS)  ## run every notebook again and store its outputs, normalised
	$(PY) -m tools.notebooks

# nbval never compares pictures. On the machine that made them, this does.
notebooks-compare: $(TEST_TOOLS)  ## run every notebook, write nothing; fail if a byte would change
	$(PY) -m tools.notebooks --compare

# The first run fetches JavaScript through npm, which comes with the test tools. Others ask nobody.
# LANGUAGE=zh_CN takes the catalogues of that language, in tools/book/locale.
book: $(TEST_TOOLS)  ## the notebooks as a book that needs no kernel and no network: build/book/site
	$(PY) -m tools.book --jobs $(JOBS) $(if $(LANGUAGE),--language $(LANGUAGE))

# The environment's LANGUAGE, a list of the reader's languages, is not meant.
ifeq ($(origin LANGUAGE),environment)
  LANGUAGE :=
endif

catalogues: $(TEST_TOOLS)  ## bring the catalogues of LANGUAGE up to date, count what is missing
	$(PY) -m tools.book.catalogues $(LANGUAGE)

slides: $(TEST_TOOLS)  ## the same as decks for lectures: build/slides
	$(PY) -m tools.decks --jobs $(JOBS)

handouts: $(RUN_TIME)  ## notebooks for a class, without and with solutions, and a quiz: build/handouts
	$(PY) -m tools.handouts

# nbgrader itself hands out, hands in and grades, in an environment of its own.
handouts-check: $(RUN_TIME)  ## grade a right, a wrong and an empty submission with nbgrader (long)
	$(PY) -m tools.handouts.round_trip

readme-picture: $(TEST_TOOLS)  ## the moving picture of a panel for the README: notebooks/images/panel.webp
	$(PY) -m tools.readme_picture

# EXPERIMENTS="digits series:co2" trains those alone, EXPERIMENTS=--missing what is not stored yet.
experiments: $(RUN_TIME)  ## train the full experiments with 3 seeds, write their results (about an hour; goes on where it was cut short)
	$(PY) -m posenc_lib.experiments --jobs $(JOBS) $(EXPERIMENTS)
	$(if $(EXPERIMENTS),,$(PY) -m posenc_lib.experiments.lengths.stored_models)
	$(if $(EXPERIMENTS),,$(PY) -m posenc_lib.experiments.time_series.stored_forecasts)
	$(if $(EXPERIMENTS),,$(PY) -m posenc_lib.experiments.pictures.stored_pictures)
	$(if $(EXPERIMENTS),,$(PY) -m posenc_lib.experiments.translation.stored_translators)
	$(if $(EXPERIMENTS),,$(PY) -m posenc_lib.experiments.score_rows)

parity: $(TEST_TOOLS)  ## compare every encoding with its references, write the table
	$(PY) -m tests.parity.table

# FAMILIES="llama gemma3_text" compares those alone, FAMILIES=state:differs those that differed.
families: $(TEST_TOOLS)  ## compare every family of transformers, write the map of the field (long)
	$(PY) -m tools.families $(FAMILIES)

# MUTANTS="7 rope" tries those alone, MUTANTS=--browser those that need Chromium.
mutants: $(TEST_TOOLS)  ## apply deliberate faults to a copy, one at a time; a test has to fail
	$(PY) -m tools.mutants --jobs $(JOBS) $(MUTANTS)

bench: $(TEST_TOOLS)  ## time encodings beside their peers, write benchmarks/README.md
	$(PY) -m benchmarks $(BENCH_ARGS)

bench-core: $(RUN_TIME)  ## time the core beside the first edition, write benchmarks/core/README.md
	$(PY) -m benchmarks.core $(BENCH_ARGS)

bench-gpu: $(RUN_TIME)  ## measure and compare on a GPU, where there is one: build/gpu
	$(PY) -m benchmarks.gpu build/gpu $(BENCH_ARGS)

bench-widgets: $(TEST_TOOLS)  ## time the live panels in a browser, write benchmarks/widgets/README.md
	$(PY) -m benchmarks.widgets $(BENCH_ARGS)

bench-book: $(TEST_TOOLS)  ## time the first panel of every page of the book, write benchmarks/book/README.md
	$(PY) -m benchmarks.book

format: $(TEST_TOOLS)  ## ruff: mend and format
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

binder-check: $(TEST_TOOLS)  ## replay the Binder recipe as an ordinary user
	$(PY) tools/binder_check.py $(BINDER_ARGS)

wheel-check:  ## build the package, try it in an empty environment (about 5 minutes; CPU=1 as above)
	"$(PYTHON)" -m tools.wheel_check $(if $(CPU),--cpu)

# POSENC_CLASS_PASSWORD and the other settings are in classroom/README.md.
classroom: $(CLASSROOM)  ## a JupyterHub on this machine, for a class
	@exec $(PY) -m jupyterhub --config "$(CURDIR)/classroom/jupyterhub_config.py"

# As an ordinary user the full disk needs a namespace of its own; classroom/README.md has the line.
classroom-load: $(CLASSROOM)  ## simulated students load that hub, and accidents happen (long)
	$(PY) -m classroom.load $(LOAD_ARGS)

# The homes of a class stay, with the work of the students in them.
clean:  ## remove .venv and what tools left behind
	rm -rf .venv *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -path ./build/classroom -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
	@if [ -d build/classroom ]; then echo 'make: build/classroom stays: the homes of a class are in it'; \
	  find build -mindepth 1 -maxdepth 1 ! -name classroom -exec rm -rf {} +; else rm -rf build; fi
