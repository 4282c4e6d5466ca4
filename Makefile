# Two words do all set-up: `make` builds the paper and the deck, `make test` runs the tests.
# Every word is one line that calls the octavo command. GNU make 3.81 suffices.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: build paper slides figures notebooks serve status check test proofs constructs bench clean help

build: $(READY)
	@$(BIN)/octavo build
paper: $(READY)
	@$(BIN)/octavo build paper
slides: $(READY)
	@$(BIN)/octavo build slides
figures: $(READY)
	@$(BIN)/octavo build figures
notebooks: $(READY)
	@$(BIN)/octavo build notebooks
serve: $(READY)
	@$(BIN)/octavo serve
status: $(READY)
	@$(BIN)/octavo status
check: $(READY)
	@$(BIN)/octavo check
test: $(READY)
	@$(BIN)/octavo build && $(BIN)/python -m pytest -n 2 -m "not proof"
proofs: $(READY)
	@$(BIN)/octavo build && $(BIN)/python -m pytest -n 2 --dist loadgroup -m proof
constructs: $(READY)
	@$(BIN)/python -m tests.constructs && $(BIN)/python -m tests.formulas
bench: $(READY)
	@$(BIN)/python -m benchmarks.build
clean: $(READY)
	@$(BIN)/octavo clean
help: $(READY)
	@$(BIN)/octavo --help

# The environment: hash-pinned, from the lock. Some packages come as source only; what builds them is pinned as well.
$(READY): requirements.lock requirements-build.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Octavo needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
