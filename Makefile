# Two commands do everything on a fresh machine: `make run` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help run test check docs fuzz bench bench-cluster image test-kubernetes e2e test-skaffold cluster cluster-down dev-cluster version

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

run: ## build, serve the example rules on port 3001, print what to open and a ready curl
	scripts/run

test: ## everything: checks, unit, property and integration tests; installs what they need
	scripts/test

check: ## the inner loop: format, lints, unit and property tests
	scripts/check

docs: ## make the generated parts of docs/, the CustomResourceDefinition and the operator's roles again
	UPDATE_DOCS=1 cargo test --quiet --package carillon-gateway --lib the_docs_hold_the_table
	UPDATE_DOCS=1 cargo test --quiet --package carillon-crds --features kube,compile --test resource --test rules
	UPDATE_DOCS=1 cargo test --quiet --package carillon-operator --lib -- the_docs_hold_the_table the_committed_manifest
	UPDATE_DOCS=1 cargo test --quiet --package carillon-operator --test charts

T ?= 60
fuzz: ## fuzz every parser for T seconds each: make fuzz T=60
	scripts/fuzz $(T)

bench: ## the gateway beside its peers on this machine, interleaved; prints the tables (ARGS=--list)
	bench/run $(ARGS)

bench-cluster: ## two pods over a real Redis, beside Node's adapters and socketioxide's; prints the tables (ARGS=--list)
	bench/cluster $(ARGS)

image: ## container images of our programs and their SBOMs, reproducible, without a daemon: target/image/
	scripts/image $(ARGS)

test-kubernetes: ## tests on a Kubernetes of one node (root; the first time it compiles one, about 7 minutes)
	scripts/test-kubernetes

e2e: ## from nothing to nothing on a Kubernetes of one node, with browsers; writes docs/e2e/report.md (root)
	scripts/e2e full

test-skaffold: ## skaffold itself on skaffold.yaml, without a cluster (the first time it compiles one, about 5 minutes)
	scripts/test-skaffold

cluster: ## a whole Kubernetes of one node with our images in it (root); prints how to use it
	scripts/cluster

cluster-down: ## ends that cluster and removes everything of it
	tests/cluster/down

dev-cluster: ## a cluster of kind or k3d with our images, the operator and a fleet in it; again: rolls out your edits
	scripts/dev-cluster

version: ## the version of everything that is released; make version V=1.2.3 sets it
	scripts/version $(V)
