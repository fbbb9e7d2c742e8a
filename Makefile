# make app    install into .venv once, then open the app      (PORT=8501)
# make test   install the test tools once, then run every test (TESTS="tests/losses -x" for some)
PYTHON ?= python3
PORT ?= 8501
TESTS ?= tests
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: app test lint types pretrained results findings screenshots docker-lint clean

app: $(VENV)/.installed
	$(BIN)/python -m streamlit run app/main.py --server.port $(PORT)

test: $(VENV)/.installed-test lint types docker-lint
	$(BIN)/python tests/run.py $(TESTS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

docker-lint: $(VENV)/.installed-test
	$(BIN)/hadolint Dockerfile

pretrained: $(VENV)/.installed
	$(BIN)/python -m pretrained.recipe

results: $(VENV)/.installed
	$(BIN)/python -m pretrained.results > docs/results.md

findings: $(VENV)/.installed
	$(BIN)/python -m pretrained.findings > docs/findings.md

screenshots: $(VENV)/.installed-test
	$(BIN)/python docs/screenshots.py

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
