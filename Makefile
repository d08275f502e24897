# Every target makes its own environment: `.venv` holds exactly what the lock file pins.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: check test test-long test-spark test-gx demo docs bench lock clean

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: $(STAMP)
	$(BIN)/pytest -n 2 -m "not long and not spark"

test-long: $(STAMP)
	$(BIN)/pytest -n 2 -m "long and not spark"

# Spark and Iceberg's own Java library join the environment only here: they are larger than all the rest. Java itself
# and the JDBC driver come from the system, and LAKEFLOW_TEST_SPARK=required fails where they are missing.
SPARK := .venv/.spark
$(SPARK): requirements.spark.lock $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.spark.lock
	@touch $@

test-spark: $(SPARK)
	$(BIN)/pytest -n 0 -m spark tests/spark

# The tests of checks on another release of Great Expectations: make test-gx GX=1.17.0
GX ?= 1.9.0
OTHER := .venv-gx-$(GX)
test-gx:
	@test -x $(OTHER)/bin/python || $(PYTHON) -m venv $(OTHER)
	@$(OTHER)/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]" "great-expectations==$(GX)"
	$(OTHER)/bin/pytest -n 2 -m "not long" tests/expectations

demo: $(STAMP)
	$(BIN)/python -m demo.demo

docs: $(STAMP)
	$(BIN)/python -m tests.docs.pages

bench: $(STAMP)
	$(BIN)/python -m benchmarks.tpch
	$(BIN)/python -m benchmarks.by_hand
	$(BIN)/python -m benchmarks.audit
	$(BIN)/python -m benchmarks.incremental
	$(BIN)/python -m benchmarks.cycles
	$(BIN)/python -m benchmarks.years
	$(BIN)/python -m benchmarks.small_assets
	test -d build/demo || $(MAKE) demo
	$(BIN)/python -m benchmarks.startup

lock:
	$(BIN)/uv pip compile pyproject.toml requirements.build.in --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile requirements.spark.in --universal --python-version 3.11 --no-deps \
	  --generate-hashes --no-header --quiet --output-file requirements.spark.lock

clean:
	rm -rf .venv .venv-gx-* build dist .lakeflow
