# `make book` and `make test` put everything they need into .venv, once.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check
# Wheels alone, each of them one of those whose hashes are listed.
HASHED := $(PIP) install --require-hashes --no-deps --only-binary :all: --requirement

.PHONY: help book pdf test coverage lint clean

help:
	@echo "make book      run the chapters, build the pages in _build/html, say where to open them"
	@echo "make pdf       the same, then print the pages into ddr-book.pdf (with Chromium or Chrome)"
	@echo "make test      run the tests"
	@echo "make coverage  run the tests, and fail where they reach less of ddrlib than they should"
	@echo "make lint      check style (ruff) and types (mypy)"
	@echo "make clean     remove what was built and downloaded: _build and $(VENV)"
	@echo "PYTHON=...     the Python to start from, 3.11 or newer (now: $(PYTHON))"

book: $(VENV)/installed
	$(VENV)/bin/ddr book

pdf: book
	$(VENV)/bin/ddr pdf

# Two processes, a file at a time: the chapters run beside all the rest.
test: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest -q --numprocesses 2 --dist loadfile

coverage: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest -q --numprocesses 2 --dist loadfile --cov

lint: $(VENV)/installed-test
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy

clean:
	rm -rf _build $(VENV)

# The stamps are written last: an installation that was cut short is taken up again. torch has no
# hash in the list: its wheels, one for each kind of machine, are as many as its indexes.
$(VENV)/installed: pyproject.toml constraints.txt requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \
	    'Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)')"
	@echo "installing into $(VENV): minutes the first time"
	$(PYTHON) -m venv $(VENV)
	$(HASHED) requirements.txt
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-test.txt
	$(HASHED) requirements-test.txt
	touch $@
