# `make book` and `make test` put everything they need into .venv, once.
PYTHON ?= python3
VENV := .venv
INSTALL := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help book test clean

help:
	@echo "make book    run the chapters, build the pages in _build/html, say where to open them"
	@echo "make test    run the tests"
	@echo "make clean   remove what was built and downloaded: _build, node_modules, $(VENV)"
	@echo "PYTHON=...   the Python to start from, 3.11 or newer (now: $(PYTHON))"

book: $(VENV)/installed
	$(VENV)/bin/ddr book

# Two processes, a file at a time: the chapters run beside all the rest.
test: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest -q --numprocesses 2 --dist loadfile

clean:
	rm -rf _build node_modules $(VENV)

# The stamps are written last: an installation that was cut short is taken up again.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and \
	    'Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)')"
	@echo "installing into $(VENV): minutes the first time"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(INSTALL) --editable ".[test]"
	touch $@
