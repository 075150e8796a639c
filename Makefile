# Everything generated lands in $(BUILD); the virtual environment in $(VENV).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BUILD ?= .build
BIN := $(abspath $(VENV))/bin
COLLECTION := $(BUILD)/ansible_collections/devfleet/axiom

export PATH := $(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(abspath $(BUILD))
export PYTHONPATH := $(abspath $(BUILD)):$(abspath tests)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s "$$(printf '\t')"

.PHONY: build
build: ## build the collection and install it below $(BUILD), where every test finds it
	@mkdir -p $(BUILD)/dist
	@rm -f $(BUILD)/dist/*.tar.gz
	@ansible-galaxy collection build --force --output-path $(BUILD)/dist . >/dev/null
	@ansible-galaxy collection install --force --offline --no-deps -p $(BUILD) $(BUILD)/dist/*.tar.gz >/dev/null
