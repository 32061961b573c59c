# The commands of CoreQC. A fresh machine needs make and Python 3.11 or newer; everything else goes to .venv and var.

PYTHON ?= python3
RUN := .venv/bin/python
LOCK := .venv/bin/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links \
        --no-emit-trusted-host --no-emit-options --allow-unsafe --annotation-style line

BENCH ?= $(patsubst benchmarks/%,%,$(patsubst %.py,%,$(filter-out %__init__.py,$(wildcard benchmarks/*.py))) $(patsubst %/__main__.py,%,$(wildcard benchmarks/*/__main__.py)))

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint format types lock train-env development base clean-demo

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "make %-12s %s\n", $$1, $$2}'

demo: base ## run CoreQC here with demo data: http://127.0.0.1:8000 (another port: PORT=8123 make demo)
	@$(RUN) manage.py demo

test: development ## run the tests on SQLite; tests that need a browser, PostgreSQL or torch say when they are skipped
	@$(RUN) -m pytest $(ARGS)

bench: development ## measure the promises on this machine (one of them: make bench BENCH=ensemble)
	@for each in $(BENCH); do printf '\n== benchmarks.%s\n' $$each; $(RUN) -m benchmarks.$$each || exit 1; done

lint: development ## look for mistakes: style, types, import directions, templates, missing migrations
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/djlint templates --lint --quiet
	@$(RUN) manage.py makemigrations --check --dry-run

format: development ## put the code into its form
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .

lock: development ## renew requirements/*.txt from requirements/*.in
	@cd requirements && for list in base production development train browser; do ../$(LOCK) --output-file $$list.txt $$list.in; done
	@# A build for one machine has its own suffix (2.13.0+cpu); the list must hold on every machine.
	@sed -i.bak -E 's/^(torch==[0-9.]+)\+[a-z0-9]+/\1/' requirements/train.txt && rm requirements/train.txt.bak

train-env: ## make .venv-train: the training tools with torch, apart from everything else
	@$(PYTHON) tools/environment.py train .venv-train

base:
	@$(PYTHON) tools/environment.py base
	@$(RUN) tools/browser_packages.py

development:
	@$(PYTHON) tools/environment.py development
	@$(RUN) tools/browser_packages.py

clean-demo: ## forget the demo: remove var/ with its database and files
	rm -rf var
