# `make help` lists what there is. The first command of any kind sets up .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
TEXT   ?= Hello, my name is Sam. Where is the library?
# TEXT as it was typed: make would read "$5" as a variable
override TEXT := $(value TEXT)
export HF_HUB_OFFLINE := 1
export TEXT OUT RENDERER STYLE SIGNER STEPS SIDE_BY_SIDE

.DEFAULT_GOAL := help
.PHONY: help sign test lint notebooks figures tables results lab doctor api

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

sign: $(VENV)/.core  ## sign TEXT="..." into OUT=folder (default out/<text>); RENDERER= STYLE= SIGNER= STEPS= SIDE_BY_SIDE=1
	@$(BIN)/stable-signer sign $${OUT:+--out "$$OUT"} $${RENDERER:+--renderer "$$RENDERER"} $${STYLE:+--style "$$STYLE"} \
	  $${SIGNER:+--signer "$$SIGNER"} $${STEPS:+--steps "$$STEPS"} $${SIDE_BY_SIDE:+--side-by-side} -- "$$TEXT"

test: $(VENV)/.all  ## unit tests, then every notebook under nbval
	$(BIN)/python -m pytest -q -n 2 --dist loadfile tests
	$(MAKE) --no-print-directory notebooks

lint: $(VENV)/.all  ## mypy, strictly, and ruff on code and notebooks; make test has it too
	$(BIN)/mypy
	$(BIN)/ruff check .

notebooks: $(VENV)/.all  ## run the notebooks, compare what they print with what is stored; run the exercises as students get them
	TQDM_DISABLE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout=300 $(shell cat notebooks/strict.txt)
	TQDM_DISABLE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --nbval-lax --nbval-current-env --nbval-cell-timeout=300 $(shell cat notebooks/lax.txt)

figures: $(VENV)/.core  ## the paper's figures and their captions from results/, into OUT=folder (default out/figures)
	@$(BIN)/stable-signer figures --captions $${OUT:+--out "$$OUT"}

tables: $(VENV)/.core  ## every table of results/, as Markdown and LaTeX, into OUT (default out/tables)
	@$(BIN)/python -m signer_lib.tables $${OUT:+--out "$$OUT"}

results: $(VENV)/.core  ## every file of results/ again, at nano size, into OUT (default out/results); never over results/
	@$(BIN)/python -m signer_lib.remake $${OUT:+--out "$$OUT"}

api: $(VENV)/.all  ## pages of the library's functions, from their docstrings, into OUT (default out/api)
	$(BIN)/python -m pdoc --math -o $${OUT:-out/api} signer_lib

lab: $(VENV)/.all  ## JupyterLab at the tour
	$(BIN)/jupyter lab notebooks/00_tour.ipynb

doctor: $(VENV)/.core  ## what is installed, shipped and missing
	@$(BIN)/stable-signer doctor

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is needed; name it: make PYTHON=python3.12 ...") if not (3, 11) <= sys.version_info < (3, 14) else None'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "setting up $(VENV): a few minutes, once"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.all: $(VENV)/.core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[notebooks,test,dev]"
	@touch $@
