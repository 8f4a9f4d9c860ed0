# attnlab: every target first sets itself up in .venv, from nothing but Python.
#
#   make sweep    a quick ablation on embedded data: trains, then prints its table
#   make test     the tests that need neither downloaded data nor long training, two
#                 files at a time (ATTNLAB_OPTIMIZE=1: as optimized as users run it)
#   make test-tasks      those of them that train and evaluate every system
#   make test-services   the tests that need Slurm, Ray and Chromium (.ci/services
#                 installs what of them is no Python package), those that train in
#                 processes and kill them, and the commands of the docs
#   make test-commands   those commands of the docs that need real corpora (ATTNLAB_DATA)
#   make test-notebooks   runs the course in docs/tutorial
#   make notebooks   executes the course's scripts and writes the notebooks beside them
#   make test-accelerators   compiles for a GPU and a TPU, on a machine without either
#   make lint     ruff, its formatter, and pyright on attnlab/
#   make bench    the benchmarks, against PyTorch too; writes benchmarks/results.md
#   make peers    what they are measured against, in environments of its own (2 GB)
#   make accelerators   the compilers for NVIDIA GPUs and TPUs, in .venv-accelerators
#                 (300 MB to download, 1.5 GB on the disk); no device is needed
#   make setup    the environment alone, about 2 minutes
#   make help     these lines
#
# PYTHON (3.11 or newer) makes the environment and VENV is its folder, so a second
# one is   make test PYTHON=python3.12 VENV=.venv312

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python

# BLAS threads that spin for a core slow each other down a hundredfold.
OPENBLAS_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ATTNLAB_OPTIMIZE

version = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
ifneq ($(origin PYTHON),file)
ifneq ($(wildcard $(PY)),)
ifneq ($(call version,$(PYTHON)),$(call version,$(PY)))
$(error $(VENV) was made by Python $(call version,$(PY)), and '$(PYTHON)' says \
'$(call version,$(PYTHON))': name another folder with VENV=, or remove $(VENV))
endif
endif
endif

.PHONY: setup help sweep test test-tasks test-services test-commands test-notebooks test-accelerators notebooks lint bench peers \
  accelerators constraints
.NOTPARALLEL:
.DELETE_ON_ERROR:

setup: $(VENV)/.installed
	@echo 'attnlab is in $(VENV): $(PY), $(VENV)/bin/attnlab'

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

sweep: $(VENV)/.installed
	$(PY) -m experiments.sweep --config=configs/ablations/synthetic.py \
	  --workdir=runs/synthetic

test: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-tasks: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 --dist loadfile tests/tasks tests/test_api.py

test-services: $(VENV)/.installed-services
	@echo '$(PY) -m pytest -m cluster, beside the others: it mostly waits'; \
	$(PY) -m pytest -m cluster > $(VENV)/clusters.log 2>&1 & clusters=$$!; \
	$(PY) -m pytest -m "(browser or processes) and not data"; others=$$?; \
	wait $$clusters; status=$$?; cat $(VENV)/clusters.log; \
	[ $$others -eq 0 ] && [ $$status -eq 0 ]

test-commands: $(VENV)/.installed-test
	$(PY) -m pytest -n 2 -m "data and processes" tests/test_commands_in_docs.py

test-notebooks: $(VENV)/.installed-notebooks
	$(PY) -m pytest -n 2 -m notebooks tests/tutorial

notebooks: $(VENV)/.installed-notebooks
	$(PY) docs/tutorial/build.py

test-accelerators: .venv-accelerators/.installed
	.venv-accelerators/bin/python -m pytest -n 2 -m accelerators tests/accelerators \
	  tests/test_commands_in_docs.py

lint: $(VENV)/.installed-lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright --pythonpath $(PY)

bench: $(VENV)/.installed peers
	$(PY) -m benchmarks

peers: .venv-peers/.installed .venv-joeynmt/.installed

.venv-peers/.installed: benchmarks/peers/requirements.txt
.venv-joeynmt/.installed: benchmarks/peers/requirements-joeynmt.txt
.venv-peers/.installed .venv-joeynmt/.installed: | $(PY)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	@touch $@

accelerators: .venv-accelerators/.installed

# The compilers without their dependencies: what a device would run isn't needed.
.venv-accelerators/.installed: benchmarks/accelerators/requirements.txt \
    pyproject.toml constraints/python3.11.txt | $(PY)
	$(PYTHON) -m venv $(@D)
	$(call install,$(@D)/bin/python,--constraint constraints/python3.11.txt --editable .[test])
	$(call install,$(@D)/bin/python,--no-deps --requirement $<)
	@touch $@

install = { $(1) -m pip install --quiet uv && \
  $(1) -m uv pip install --quiet --python $(1) $(2); } || $(1) -m pip install --quiet $(2)

# The newest versions that fit together, for each of the two lines of JAX.
constraints: $(VENV)/.installed-lint
	for line in 3.11 3.12; do file=constraints/python$$line.txt; \
	  { head -n 1 $$file; $(PY) -m uv pip compile --quiet --no-header --no-annotate \
	    --extra test --extra lint --extra slurm --extra ray --extra browser --extra notebooks \
	    --python-version $$line pyproject.toml; \
	  } > $$file.new && mv $$file.new $$file || exit 1; done

# ---- the environment --------------------------------------------------------------
# A stamp says which extra is in $(VENV). uv installs in seconds; where it can't be
# had, or fails, pip does the same in a minute or two.

extra-test := [test]
extra-lint := [lint,slurm,ray]
extra-services := [test,slurm,ray,browser]
extra-notebooks := [test,notebooks]

$(VENV)/.installed $(VENV)/.installed-test $(VENV)/.installed-lint \
    $(VENV)/.installed-services $(VENV)/.installed-notebooks: \
    pyproject.toml constraints/python3.11.txt constraints/python3.12.txt | $(PY)
	@$(PY) -m pip --version > /dev/null 2>&1 || $(PY) -m ensurepip --upgrade
	@line=$$($(PY) -c 'import sys; print("3.%d" % min(sys.version_info[1], 12))'); \
	what="--constraint constraints/python$$line.txt \
	  --editable .$(extra$(subst .installed,,$(@F)))"; \
	echo "installing attnlab$(extra$(subst .installed,,$(@F))) into $(VENV)\
	 (the first time about 250 MB to download)"; \
	{ $(PY) -m pip install --quiet uv && \
	  $(PY) -m uv pip install --quiet --compile-bytecode --python $(PY) $$what; } || \
	{ echo "uv did not manage it; installing with pip"; \
	  $(PY) -m pip install --quiet $$what; }
	@touch $(VENV)/.installed $@

$(PY):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("attnlab needs\
	 Python 3.11 or newer; $(PYTHON) is %d.%d. Name a newer one, as in\
	 make test PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV) $(if $(wildcard $(VENV)/pyvenv.cfg),--clear)
