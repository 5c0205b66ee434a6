# `make demo` runs the chat, `make test` runs every test. Both need Python 3.11 or later and nothing else set up.

PYTHON ?= $(shell scripts/find-python)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
PORT ?= 3000

.PHONY: demo test check browser bench soak micro docs coverage fuzz lock format clean

demo: $(STAMPS)/runtime
	@$(BIN)/python examples/chat/main.py --port $(PORT)

# The tests wait about as long as they work: four of them at a time keep two cores busy. In their own order, for those
# that take longest are in small files, which xdist would begin last.
test: $(STAMPS)/dev $(STAMPS)/system $(STAMPS)/js $(STAMPS)/interop $(STAMPS)/typing check
	$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

coverage: $(STAMPS)/dev
	$(BIN)/coverage run -m pytest -q tests/engineio tests/socketio tests/cluster tests/properties
	$(BIN)/coverage report --fail-under=98

# QUICK=1: only what has a goal. `make soak` holds 50,000 idle connections for five minutes.
bench: $(STAMPS)/bench
	$(BIN)/python bench/run.py $(if $(QUICK),--quick) $(ARGS)

soak: $(STAMPS)/bench
	$(BIN)/python bench/run.py --soak

# Instructions of single operations, held to limits as in the tests; then how long they take, on a quiet machine.
micro: $(STAMPS)/dev $(STAMPS)/system
	$(BIN)/python -m bench.micro.instructions
	$(BIN)/python -m bench.micro.times $(ARGS)

docs: $(STAMPS)/dev
	$(BIN)/mkdocs build --strict

fuzz: $(STAMPS)/dev
	$(BIN)/python -m pip install --quiet atheris
	for target in fuzz/fuzz_*.py; do $(BIN)/python $$target -max_total_time=$(or $(SECONDS),60) || exit 1; done

lock: $(STAMPS)/dev
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --extra msgpack --universal --python-version 3.11 \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --upgrade --output-file requirements.lock

# The browser client, from js/ into src/antiphon/browser/. What was built is committed: users need no Node.js.
browser: $(STAMPS)/js
	npm run --silent --prefix js build

format: $(STAMPS)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(STAMPS) bench/.venv js/node_modules tests/interop/node_modules tests/typing/node_modules bench/npm/node_modules bench/sioload bench/limit_server site

bench/sioload: $(wildcard bench/load/*.c) bench/load/load.h
	$(or $(shell command -v cc),gcc) -O2 -Wall -Wextra -o $@ $(filter %.c,$^) -lssl -lcrypto -lz

bench/limit_server: bench/servers/limit_server.c
	$(or $(shell command -v cc),gcc) -O2 -o $@ $<

$(STAMPS)/bench: $(STAMPS)/bench-python $(STAMPS)/system $(STAMPS)/bench-peers bench/sioload bench/limit_server
	@touch $@

# The servers in Python run on the fastest Python that is here, as those in JavaScript run on release builds.
$(STAMPS)/bench-python: $(STAMPS)/dev scripts/fastest-python
	rm -rf bench/.venv
	"$$($(BIN)/python scripts/fastest-python)" -m venv --without-pip bench/.venv
	$(BIN)/python -m pip --python bench/.venv/bin/python install --quiet --disable-pip-version-check \
		--constraint requirements.lock --editable . python-socketio
	@touch $@

$(STAMPS)/bench-peers: bench/npm/package-lock.json | $(STAMPS)/node
	scripts/npm-ci bench/npm
	@touch $@

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed, and was not found"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS)

# The runtime is enough for the demo; it has the versions of the lock file, as the tests have.
$(STAMPS)/runtime: $(VENV)/pyvenv.cfg pyproject.toml requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@touch $@

# What is not Python: installed where that is possible, else the tests say what they skip.
$(STAMPS)/system: scripts/install-system
	scripts/install-system
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/js: js/package-lock.json | $(STAMPS)/node
	scripts/npm-ci js
	@touch $@

$(STAMPS)/interop: tests/interop/package-lock.json | $(STAMPS)/node
	scripts/npm-ci tests/interop
	@touch $@

$(STAMPS)/typing: tests/typing/package-lock.json | $(STAMPS)/node
	scripts/npm-ci tests/typing
	@touch $@

$(STAMPS)/node: scripts/install-system
	scripts/install-system node
	@mkdir -p $(STAMPS) && touch $@
