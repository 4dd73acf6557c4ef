# Everything runs in .venv, made from pyproject.toml and the versions in constraints.txt.

# Debian's Python is built with profile-guided and link-time optimisation. One built from source
# without them took 1.4 to 2.3 times as long for a loop of arithmetic, dictionaries and texts.
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys, ensurepip; assert sys.version_info >= (3, 11)' 2>/dev/null && echo /usr/bin/python3 || echo python3)
WORKERS ?= 4 # on two cores: a part of the tests waits for processes and nodes
BIN := .venv/bin
# Tests that sync thousands of times do it in memory where there is room for it: what a disk
# does when the power goes is simulated, and no test waits for one.
MEMORY := $(shell df --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 4000000 { print "TMPDIR=/dev/shm" }')
READY := .venv/.ready
KERNEL := build/kernel
SITE := build/site
PEERS := build/peers

# Compiled modules are kept, whatever the shell says: hundreds of processes import them.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup kernel test tests foreign chain contracts docs lint style mypy pyright layers format demo \
	audit-demo live-demo-exchange live-demo-chain screenshots faults check bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the pinned versions (does nothing if it is up to date)

# Made anew, because two Pythons do not mix in one. The build backend is installed first and used
# without isolation, so that it is pinned too.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip setuptools
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation \
		--editable . --group dev
	@touch $@

# An installation beside the sources, which are never compiled where they lie: what is edited
# is what runs. PYTHONPATH=build/kernel runs it.
kernel: $(KERNEL)/.ready ## compile what every tick goes through (needs a C compiler; optional)

$(KERNEL)/.ready: $(READY) setup.py $(shell find engine machines venues src -name '*.py')
	mkdir -p build && find build -mindepth 1 -maxdepth 1 ! -path $(SITE) ! -path $(PEERS) -exec rm -rf {} +
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index \
		--target $(KERNEL) .
	PYTHONPATH=$(KERNEL) $(BIN)/python -m verifill --version
	@touch $@

# The linters and the site run beside the tests, which take longer: what comes last is pytest's summary.
test: setup ## run every check and test; the last line is pytest's summary
	$(MAKE) --no-print-directory --jobs=2 tests lint docs

tests: kernel foreign chain
	$(MEMORY) $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder \
		--doctest-modules tests src/verifill --cov --cov-report=term --gate

foreign: setup ## install what others wrote for the tests: Chromium, spin, and packages of npm
	./.ci/foreign

chain: setup ## install what chains need in the tests: a node, a compiler, contracts of others
	./.ci/chain

contracts: chain ## compile the contracts that are shipped anew
	$(BIN)/python -m fixtures.chain.compiled

lint: style mypy pyright layers ## check style, types and layers

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

mypy pyright: setup
	$(BIN)/$@

layers: setup
	$(BIN)/lint-imports --no-logo

format: setup ## write the code in the project's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Every warning is an error: a link to a page, a heading or a file that is not there, an example
# in no known language, a docstring that cannot be read.
docs: setup ## build the site of the documentation in build/site; it needs no network
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --fresh-env \
		--doctree-dir .cache/doctrees docs $(SITE)
	$(BIN)/python docs/offline.py $(SITE)
	@echo "open $(SITE)/index.html"

demo: setup ## run the cash-and-carry backtest
	$(BIN)/verifill backtest docs/examples/cash_and_carry.toml --overwrite

live-demo-chain: chain ## strategy B on a real chain node, killed with -9 on its way in
	PYTHONPATH=. $(BIN)/python docs/examples/live_demo_chain.py

audit-demo: setup ## a live run in which much goes wrong, then what its log proves, and its page
	$(BIN)/python docs/examples/audit_demo.py

live-demo-exchange: setup ## cash and carry live over three exchanges, with faults, killed in mid-hedge
	PYTHONPATH=. $(BIN)/python docs/examples/exchange_demo.py

screenshots: audit-demo foreign ## take the pictures of the page that the docs show
	$(BIN)/python -m tests.page.screenshots runs/audit-demo/run.html docs/screenshots

faults: setup ## let everything go wrong that can, everywhere, and not at a sample
	$(BIN)/verifill faults run --out runs/faults
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --every 1 \
		tests/machines/test_lives.py tests/live
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --every 1 \
		tests/exchanges/test_faults.py tests/exchanges/test_killed.py tests/exchanges/test_funds.py

check: setup foreign ## explore all that the engine can come to, within small scopes
	$(BIN)/verifill check --out runs/check
	$(BIN)/verifill check --spin --out runs/check

bench: setup kernel ## measure speed and memory, beside peers too (they are installed)
	$(BIN)/python -m bench
	$(BIN)/python -m bench.audit
	PYTHONPATH=$(KERNEL):. $(BIN)/python -m bench.live 100
	PYTHONPATH=$(KERNEL) $(BIN)/python -m bench.peers

lock: ## renew constraints.txt with the newest versions that fit
	PYTHON=$(PYTHON) ./.ci/lock

clean: ## remove .venv, caches and builds (keeps runs/)
	rm -rf .venv build dist src/*.egg-info htmlcov .coverage .coverage.* .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
