# `make` lists what there is. Everything lives in .venv and in the folders that the lists name; nothing is installed
# system-wide. More than a few lines live in scripts/.

.DEFAULT_GOAL := help
.PHONY: help bench serve test fuzz mutants coverage check performance screenshots container-test lock locks-check
VENV := .venv/bin/python

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name text; do \
		printf '%-20s%s\n' "$$name" "$$text"; done

bench: ## measure: ARGS='-k decode --orac-model NAME' chooses; ORAC_MODELS_DIR=FOLDER takes your models
	@sh scripts/venv.sh runtime
	@$(VENV) scripts/prepare.py
	@$(VENV) -m pytest benchmarks/ $(ARGS)

serve: ## the service and its dashboard on http://127.0.0.1:8000, until Ctrl-C
	@sh scripts/venv.sh runtime
	@$(VENV) scripts/prepare.py
	@$(VENV) -m orac_bench.cli serve

test: ## the whole test suite with what it needs, on this Python and with Python 3.10's requirements
	@sh scripts/test.sh

fuzz: ## thousands of calls to every address of the service, each answer held against its description
	@sh scripts/venv.sh dev
	@FUZZ_EXAMPLES=500 $(VENV) -m pytest tests/test_api_described.py

mutants: ## small mistakes put into the pure files, one at a time: which no test notices; FILES='units.py' chooses
	@sh scripts/venv.sh dev
	@$(VENV) -m tests.mutation $(FILES)

coverage: ## which branches no test takes, every process that tests start counted; ARGS='tests/test_x.py' chooses
	@sh scripts/venv.sh dev
	@sh scripts/coverage.sh $(ARGS)

check: ## format, lint, types
	@sh scripts/venv.sh dev
	@sh scripts/check.sh

performance: ## every number that ORAC promises about itself, measured here, beside its goal
	@sh scripts/venv.sh dev
	@$(VENV) scripts/prepare.py
	@$(VENV) -m pytest tests/performance -s --numbers docs/numbers.md $(ARGS)
	@$(if $(ARGS),,sh scripts/container_test.sh numbers)

screenshots: ## the pictures of the dashboard in docs/pictures, from a made-up store (needs chromium)
	@sh scripts/venv.sh dev
	@$(VENV) -m tests.browser.screenshots docs/pictures $(ARGS)

container-test: ## the container, built and run on a stand-in for the board (root; ARGS=--with-tests: make test in it)
	@sh scripts/container_test.sh $(ARGS)

lock: ## pin the newest requirements with their hashes (needs uv)
	@sh scripts/lock.sh

locks-check: ## ask the index whether each pinned requirement has a wheel for every machine promised
	@sh scripts/venv.sh dev
	@$(VENV) scripts/check_wheels.py
