VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
DATA ?= ../shared/data
RECIPE ?= train/recipes/compact.toml
WHEELS ?= dist
TYPES ?= yes
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 2 ? 2 : n > 8 ? 8 : n)))

.PHONY: help app test lint wheel format coverage screenshots examples train figures bench load soak clean

help:            ## list the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/.app: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements.txt
	@touch $@

$(BIN)/.dev: requirements-dev.txt requirements-train.txt requirements-ray.txt requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -r requirements-dev.txt # the app's and training's among them
	@touch $(BIN)/.app $@

node_modules/.dev: package-lock.json
	npm ci --ignore-scripts --no-audit
	@touch $@

app: $(BIN)/.app  ## install what the app needs and open it on localhost
	$(BIN)/python app.py

test: $(BIN)/.dev ## install what the tests need and run them; FEWER=yes leaves out those that take longest
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(if $(FEWER),-m "not thorough")

coverage: $(BIN)/.dev ## run the tests and print which lines of each module they leave out
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered

lint: $(BIN)/.dev node_modules/.dev ## check style, types, layers, dependencies and the page's scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYTHONPATH=. $(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(if $(TYPES),$(BIN)/pyright --pythonpath $(BIN)/python)
	npx tsc --noEmit && npx eslint .

wheel: $(BIN)/.dev ## build the wheel into WHEELS
	$(BIN)/python -m build --wheel --outdir $(WHEELS)

format: $(BIN)/.dev ## apply the style
	$(BIN)/ruff check --fix . && $(BIN)/ruff format .

screenshots: $(BIN)/.dev ## take the README's picture anew (needs Chromium)
	$(BIN)/python scripts/screenshots.py

examples: $(BIN)/.app ## make the example clips anew (needs espeak-ng, flite and CREMA-D in DATA)
	$(BIN)/python -m scripts.examples --data $(DATA)

train: $(BIN)/.app ## fit checkpoints/compact from the corpora in DATA
	$(BIN)/python -m train fit $(RECIPE) --data $(DATA) --out checkpoints/compact

figures: $(BIN)/.app ## cross-validate the recipe: the figures of the README
	for part in audio text bimodal; do $(BIN)/python -m train crossvalidate $(RECIPE) --part $$part --data $(DATA); done
	$(BIN)/python -m benchmarks.robustness $(RECIPE) --data $(DATA)
	$(BIN)/python -m benchmarks.words --data $(DATA)

bench: $(BIN)/.dev ## measure speed: the scan, costs, one clip, the browser, annotating
	$(BIN)/python -m benchmarks.scan --repeats 3
	$(BIN)/python -m benchmarks.costs
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.browser
	$(BIN)/python -m benchmarks.annotate
	$(BIN)/python -m benchmarks.durability

load: $(BIN)/.dev ## eight people at once for five minutes against the running app: benchmarks/load.md
	$(BIN)/python -m benchmarks.load

soak: $(BIN)/.dev ## four mixed users for an hour: memory, open files, threads and temporary files over time
	$(BIN)/python -m benchmarks.soak

clean:           ## remove the virtual environment and caches
	rm -rf $(VENV) node_modules .pytest_cache .ruff_cache .cache
