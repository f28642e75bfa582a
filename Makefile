# Two commands: `make demo` shows the image-text line and training on real pairs, `make test` proves everything; `make demo-ocr` and
# `make demo-gui` show the other lines.
# Everything lands in .venv, out/ and the cache ($SIEVELINE_CACHE, else ~/.cache/sieveline); `make clean` removes the first two.

PYTHON ?= python3.11
BIN := .venv/bin
OUT ?= out
export DAGSTER_HOME ?= $(CURDIR)/$(OUT)/dagster_home

.PHONY: demo demo-ocr demo-gui test ui bench check lock clean

demo: .venv/ready
	$(BIN)/python -m demo.run --output $(OUT)

demo-ocr: .venv/ready
	$(BIN)/python -m demo.run --output $(OUT) ocr-synthetic ocr-scene ocr-academic

demo-gui: .venv/ready
	$(BIN)/python -m demo.run --output $(OUT) gui

test: .venv/ready
	$(BIN)/python -m demo.system chromium fonts latexmlc latexmk
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

ui: .venv/ready
	$(BIN)/python -m demo.ui --output $(OUT)

bench: .venv/ready
	$(BIN)/python -m benchmarks

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# The lock holds every package at its version, so nothing is left to resolve: --no-deps also keeps out a second OpenCV.
.venv/ready: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# After a change of pyproject.toml: resolves anew in a fresh environment and writes the lock. rapidocr gives its model files only.
lock:
	rm -rf .venv && $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group dev --group build . && $(BIN)/python -m pip uninstall --quiet --yes sieveline
	$(BIN)/python -m pip install --quiet --no-deps 'rapidocr==3.10.*'
	$(BIN)/python -m pip freeze --all --exclude pip > requirements.lock

clean:
	rm -rf .venv $(OUT)
