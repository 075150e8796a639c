# Everything generated lands in $(BUILD); the virtual environment in $(VENV).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# The test targets share the build and the machine's two or so cores: one after the other, also under `make -j`.
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV ?= .venv
BUILD ?= .build
WORKERS ?= 2
AXIOM_PORT ?= 8642
CLAUDE_VERSION ?= latest
AXE_VERSION ?= 4.14.1

BIN := $(abspath $(VENV))/bin
COLLECTION := $(BUILD)/ansible_collections/devfleet/axiom
AXIOM_STATE := $(BUILD)/axiom
AWX := $(BUILD)/awx

export PATH := $(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(abspath $(BUILD))
export PYTHONPATH := $(abspath $(BUILD)):$(abspath tests)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do \
		printf '%-12s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: ## install what is missing: the virtual environment, and with apt the shells under test
	@tests/tools/setup.sh $(VENV)

.PHONY: build
build: setup ## build the collection and install it below $(BUILD), where every test finds it
	@artifact=$$(python tests/tools/build.py $(BUILD)/dist) && \
		ansible-galaxy collection install --force --offline --no-deps -p $(BUILD) "$$artifact" >/dev/null

.PHONY: demo
demo: setup build ## a small fleet on this machine, from nothing to telemetry in the local Axiom
	@tests/demo/run

.PHONY: axiom
axiom: setup ## run the local Axiom in the foreground on 127.0.0.1:8642, or $$AXIOM_PORT
	@exec python -m axiom_emulator serve --port "$(AXIOM_PORT)" --state $(AXIOM_STATE)

.PHONY: axiom-log
axiom-log: setup ## print what arrived there, as JSON lines
	@exec python -m axiom_emulator log --state $(AXIOM_STATE)

.PHONY: test
test: lint unit sanity molecule-default integration test-awx browser cores e2e ## everything but the other Molecule scenarios, fast checks first

.PHONY: unit
unit: build ## unit and property tests
	pytest tests/unit -n $(WORKERS)

.PHONY: integration
integration: build ## real ansible-playbook runs against the local Axiom
	pytest tests/integration -n $(WORKERS)

.PHONY: mutations
mutations: build ## take every defence of tests/mutations.yml out of a copy, and demand red tests; MUTATIONS="part of its words"
	@python tests/tools/mutations.py --build $(BUILD) --workers $(WORKERS) --only "$(MUTATIONS)"

.PHONY: soak
soak: build ## what takes long: five hundred machines with every kind of trouble, and a hundred runs that leave nothing
	pytest tests/integration/test_mixed_fleet.py tests/integration/test_nothing_left.py --machines 500 --runs 100 -s

.PHONY: test-awx
test-awx: build ## awx.awx's modules and real jobs, through a small controller of ours
	@python tests/tools/awx_collection.py $(AWX)
	pytest tests/awx -n $(WORKERS)

.PHONY: browser
browser: build ## the report's HTML file in a real browser, with what axe-core says about it
	@tests/tools/apt_need.sh chromium=chromium chromedriver=chromium-driver npm=npm
	@npm install --silent --no-save --prefix $(BUILD)/axe axe-core@$(AXE_VERSION)
	AXE=$(abspath $(BUILD))/axe/node_modules/axe-core/axe.min.js pytest tests/browser

.PHONY: cores
cores: build ## each playbook once on the oldest and the newest ansible-core that this machine can run
	@tests/tools/matrix.sh $(BUILD) --ends -- tests/integration -n $(WORKERS) \
		-k "from_nothing or remove_leaves or moves_as_a_whole or revoking_kills or only_with_the_tag or installed_once or every_batch_is"

.PHONY: matrix
matrix: build ## `make integration` on every ansible-core that meta/runtime.yml allows
	@tests/tools/matrix.sh $(BUILD) -- tests/integration -n $(WORKERS)

.PHONY: e2e
e2e: client ## the real client, newest or $$CLAUDE_VERSION, delivers through what the collection wrote
	pytest tests/e2e

.PHONY: clients
clients: clients-listed ## the client matrix: what differs between releases, oldest supported to newest
	pytest tests/e2e/test_clients.py tests/e2e/test_inspection.py --every-client

.PHONY: clients-listed
clients-listed: client
	@python -m e2e.client $(BUILD)/claude --listed

.PHONY: client
client: build
	@tests/tools/apt_need.sh npm=npm mount=mount unshare=util-linux ssh=openssh-client
	@# With systemd, Debian's package would start a service: that is for its owner to decide.
	@test -d /run/systemd/system || tests/tools/apt_need.sh /usr/sbin/sshd=openssh-server
	@python -m e2e.client $(BUILD)/claude $(CLAUDE_VERSION)

.PHONY: docs-tables
docs-tables: clients-listed ## measure again what the tables in docs say, and write them
	pytest tests/e2e/test_shells.py tests/e2e/test_clients.py --every-client --write-tables

.PHONY: recording
recording: client ## record what the client sends, for the tests of the dashboard
	pytest tests/e2e/test_dashboard.py --write-recording

.PHONY: molecule
molecule: build ## the role on podman containers, every scenario
	@tests/tools/molecule.sh $(BUILD) test --all

.PHONY: molecule-default
molecule-default: build
	@tests/tools/molecule.sh $(BUILD) test -s default

.PHONY: bench
bench: build ## what enforcing costs, as ratios; BENCH="--only ping copy" or "--inventory MINE"
	@pip install --quiet --requirement tests/bench/requirements.txt
	@python -m bench.bench --json $(BUILD)/bench.json --plot $(BUILD)/bench.png $(BENCH)

.PHONY: sanity
sanity: setup ## ansible-test sanity, on every Python found; SANITY="--test validate-modules"
	@python tests/tools/run_ansible_test.py --build $(BUILD) sanity $(SANITY)

.PHONY: ansible-test
ansible-test: setup ## ansible-test's units and integration, as other collections run them
	@python tests/tools/run_ansible_test.py --build $(BUILD) units tests/unit/plugins/module_utils/
	@python tests/tools/run_ansible_test.py --build $(BUILD) integration

.PHONY: lint
lint: lint-python lint-types lint-yaml lint-shell lint-licences docs-check docs-lint ## formatting, types, YAML, roles and playbooks, shell scripts, licences, generated documentation

.PHONY: lint-python
lint-python: setup
	ruff check
	ruff format --check

.PHONY: lint-types
lint-types: build
	cd $(BUILD) && mypy --config-file $(abspath pyproject.toml) --cache-dir mypy ansible_collections/devfleet/axiom/plugins

.PHONY: lint-yaml
lint-yaml: build
	yamllint --strict .
	@python tests/tools/awx_collection.py $(AWX)
	@# What it only warns of (a module that it does not find, documentation that it cannot read) is a failure, too.
	ANSIBLE_COLLECTIONS_PATH=$(abspath $(BUILD)):$(abspath $(AWX)) ansible-lint --nocolor 2>&1 | tee $(BUILD)/ansible-lint.log
	@! grep WARNING $(BUILD)/ansible-lint.log

.PHONY: lint-shell
lint-shell: setup
	git ls-files -z | xargs -0 grep -lE '^#!/(usr/bin/env |bin/)(ba)?sh' | xargs shellcheck

.PHONY: lint-licences
lint-licences: setup
	reuse lint --quiet || reuse lint

.PHONY: docs
docs: setup ## regenerate what is made from documentation: a role from its module, the option tables of the READMEs
	python tests/tools/telemetry_role.py
	python tests/tools/role_readmes.py

.PHONY: docs-check
docs-check: setup
	python tests/tools/telemetry_role.py --check
	python tests/tools/role_readmes.py --check
	antsibull-changelog lint

.PHONY: docs-lint
docs-lint: build ## check the plugin documentation as the documentation site will read it
	cd $(COLLECTION) && antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs all .

.PHONY: site
site: build ## the documentation site, as HTML in $(BUILD)/site
	@pip install --quiet --requirement docs/site/requirements.txt
	@docs/site/build $(BUILD)

.PHONY: importer
importer: build ## what Galaxy's importer says about the built collection
	@tests/tools/importer.sh $(BUILD) $(BUILD)/dist/*.tar.gz

.PHONY: release-check
release-check: setup ## what `make release` would do, without doing it; VERSION=1.2.3
	@tests/tools/release.sh --check $(BUILD) $(VERSION)

.PHONY: release
release: setup ## prepare a release: version, changelog, archive, all checked; VERSION=1.2.3
	@tests/tools/release.sh $(BUILD) $(VERSION)

.PHONY: clean
clean: ## remove everything generated, except the virtual environment and the container images
	rm -rf $(BUILD) .ansible .mypy_cache .pytest_cache .ruff_cache .hypothesis
