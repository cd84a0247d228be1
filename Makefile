# Everything one does with this project. `make help` lists it.

.DEFAULT_GOAL := help
.PHONY: help up down demo test soak bench check

help: ## prints this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## starts private PostgreSQL and RabbitMQ under .local, or keeps those that run
	@deploy/local/servers up

down: ## stops everything that `make up` and `make demo` started; the data stay
	@deploy/local/servers down

demo: ## sets up, builds, and carries an export from request to download; the system stays up
	@deploy/local/demo

test: ## every check and every test, on servers of their own
	@deploy/local/run-tests

soak: ## heavy runs: others write beside 200 erasures, 200 kills, guards off; ARGS="50 seed=3" for fewer and others
	@deploy/local/run-tests --soak $(ARGS)

bench: ## measures exports and erasures against psql and pgbench; ARGS="small" for one figure
	@deploy/local/bench $(ARGS)

check: ## format, lints, documentation, sizes, spelling, licences, unused dependencies
	@deploy/local/check
