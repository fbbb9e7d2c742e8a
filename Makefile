# make app    install into .venv once, then open the app      (PORT=8501)
# make wheel  build dist/*.whl
# make gpu-check   check the GPU path where there is one, at most 8 minutes (GPU_CHECK=--dry-run tries it on a CPU)
# make test   install the test tools once, then run every test (TESTS="tests/losses -x" for some)
PYTHON ?= python3
PORT ?= 8501
TESTS ?= tests
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: app wheel test suite lint types js-lint pretrained results findings screenshots notebook gpu-check docker-lint clean

app: $(VENV)/.installed
	$(BIN)/python -m streamlit run app/main.py --server.port $(PORT)

wheel: $(VENV)/.installed-test
	$(BIN)/python -m hatchling build --target wheel --directory dist

test: lint types js-lint docker-lint suite

suite: $(VENV)/.installed-test
	$(BIN)/python tests/run.py $(TESTS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

js-lint: export PATH := $(CURDIR)/$(BIN):$(PATH)
js-lint: node_modules/.package-lock.json
	npm run --silent lint
	npm run --silent types

docker-lint: $(VENV)/.installed-test
	$(BIN)/hadolint Dockerfile

pretrained: $(VENV)/.installed
	$(BIN)/python -m pretrained.recipe

results: $(VENV)/.installed
	$(BIN)/python -m pretrained.results > docs/results.md
	$(BIN)/python -m pretrained.study_page
	$(BIN)/python -m pretrained.which_method

findings: $(VENV)/.installed
	$(BIN)/python -m pretrained.findings > docs/findings.md
	$(BIN)/python -m pretrained.matching_rules

screenshots: $(VENV)/.installed-test
	$(BIN)/python docs/screenshots.py

notebook: $(VENV)/.installed-test
	$(BIN)/python docs/run_notebook.py

gpu-check: $(VENV)/.installed-test
	$(BIN)/python benchmarks/gpu_check.py $(GPU_CHECK)

clean:
	rm -rf $(VENV)

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: requirements.txt constraints.txt pyproject.toml | $(VENV)/.made
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --editable .
	$(BIN)/python -m bickd_core.kernels.building
	touch $@

$(VENV)/.installed-test: requirements-test.txt $(VENV)/.installed
	$(PIP) -r requirements-test.txt
	touch $@

node_modules/.package-lock.json: export PATH := $(CURDIR)/$(BIN):$(PATH)
node_modules/.package-lock.json: package-lock.json $(VENV)/.installed-test
	npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	touch $@
