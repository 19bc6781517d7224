# The first call of any target makes .venv; later calls use it at once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.stamp

# JupyterLab refuses root without a flag, and without a screen there is no browser to open.
LAB := $(if $(filter 0,$(shell id -u)),--allow-root)
ifeq ($(shell uname)$(DISPLAY)$(WAYLAND_DISPLAY),Linux)
LAB += --no-browser
endif

.PHONY: help lab demo test student badges html bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

lab: $(READY) ## open the notebooks in JupyterLab (more options: make lab ARGS=--ip=0.0.0.0)
	cd notebooks && ../$(BIN)/jupyter-lab $(LAB) $(ARGS)

demo: $(READY) ## paint one photograph in one style: outputs/demo.png
	$(BIN)/nst transfer data/content/china.jpg data/style/night.jpg -o outputs/demo.png --size 384

test: $(READY) ## style checks, unit tests, then all notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -rs --doctest-modules nst_utils tests
ifneq ($(wildcard notebooks/*.ipynb),)
	$(BIN)/pytest --nbval-lax notebooks/*.ipynb --nbval-cell-timeout=300 \
		--nbval-sanitize-with tests/nbval_sanitize.cfg
endif

student: $(READY) ## make notebooks/student/ from the notebooks with solutions, and the table of points
	$(BIN)/python tools/student.py
	$(BIN)/python tools/points.py

badges: $(READY) ## write the repository's address into all notebooks: make badges REPO=owner/name
	$(BIN)/python tools/badges.py $(REPO)
	$(BIN)/python tools/student.py

html: $(READY) ## build a static site of the series: outputs/site/index.html
	$(BIN)/python tools/site_pages.py

bench: $(READY) ## seconds per evaluation beside a plain loop and the hardware's floor
	$(BIN)/python tests/benchmarks/evaluations.py --full

clean: ## remove .venv and caches; pictures in outputs/ stay
	rm -rf .venv .pytest_cache .ruff_cache *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@echo "Setting up .venv, once: PyTorch and JupyterLab are up to 4 GB to download."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.txt -e .
	@$(BIN)/python -c "import torchvision" || \
		{ echo "torch and torchvision do not fit together: run 'make clean' and try again."; exit 1; }
	@touch $@
