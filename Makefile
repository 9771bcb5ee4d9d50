# The two commands of the README: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := work_dirs/demo
CHAOS_SECONDS ?= 600

.PHONY: help demo test test-slow chaos lint format bench wheel-check clean
help:
	@echo 'make demo    install, render the small data set, train FT and MiB, print their tables'
	@echo 'make test    install, run the tests'
	@echo 'make test-slow  install, run the tests that take a minute or more'
	@echo 'make chaos   install, kill, damage and misuse runs for CHAOS_SECONDS (600)'
	@echo 'make lint    install, check style'
	@echo 'make format  install, mend style'
	@echo 'make bench   install, measure every row of docs/performance.md'
	@echo 'make wheel-check  install, build sdist and wheel, and use the wheel in an empty folder'
	@echo 'make clean   remove .venv, the rendered data and the demo runs'

$(STAMP): setup.cfg setup.py pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	# without a desktop libGL is often missing; the headless build of OpenCV does not need it
	$(BIN)/python -c 'import cv2' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --force-reinstall --no-deps opencv-python-headless
	touch $@

data/shapes: | $(STAMP)
	$(BIN)/python tools/dataset_converters/make_shapes.py $@

demo: $(STAMP) data/shapes
	$(BIN)/python tools/train.py configs/bisenet_r18_shapes_4-1_ft.py --work-dir $(DEMO)/ft --resume
	$(BIN)/python tools/train.py configs/bisenet_r18_shapes_4-1_mib.py --work-dir $(DEMO)/mib --resume

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# CHAOS_SEED=N repeats the tries that a session has printed
chaos: $(STAMP)
	CHAOS_SECONDS=$(CHAOS_SECONDS) $(BIN)/python -m pytest -q -m chaos tests/chaos

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

wheel-check: $(STAMP)
	.ci/wheel-check $(BIN)/python

clean:
	rm -rf $(VENV) data/shapes $(DEMO)
