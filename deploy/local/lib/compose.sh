# shellcheck shell=bash
# The same servers from deploy/compose.yaml, for a machine with a container engine and without the packages.

# compose_answers: an engine runs and knows compose files; fills compose_program.
compose_answers() {
    if ! timeout 10 docker info >/dev/null 2>&1; then return 1; fi
    if docker compose version >/dev/null 2>&1; then
        compose_program=(docker compose)
    elif command -v docker-compose >/dev/null; then
        compose_program=(docker-compose)
    else
        return 1
    fi
}

# compose_run ARGUMENTS…: on the containers of this set.
compose_run() {
    [ -n "${compose_program:-}" ] || compose_answers || die "the container engine that runs the servers does not answer"
    LETHE_PG_PORT=${LETHE_PG_PORT:-} LETHE_AMQP_PORT=${LETHE_AMQP_PORT:-} \
        LETHE_RMQ_MGMT_PORT=${LETHE_RMQ_MGMT_PORT:-} LETHE_RMQ_PROM_PORT=${LETHE_RMQ_PROM_PORT:-} \
        LETHE_PG_FSYNC=$LETHE_PG_FSYNC \
        "${compose_program[@]}" -p "lethe-$place_hash" -f "$repo/deploy/compose.yaml" "$@" 9>&-
}

compose_running() { [ -n "$(compose_run ps -q --status running "$1" 2>/dev/null)" ]; }

# compose_up SERVICE NAME…: starts the service; the ports in the settings NAME… are kept while it runs.
compose_up() {
    local service=$1 started log=$LETHE_LOCAL_DIR/compose.log
    shift
    started=$(now_ms)
    if ! compose_running "$service"; then ports_choose "$@"; fi
    if ! compose_run up -d --wait "$service" >"$log" 2>&1; then
        compose_run logs --tail 15 "$service" >>"$log" 2>&1 || true
        show_log "$log"
        die "the container of $service does not start" "its log: docker compose -p lethe-$place_hash logs $service"
    fi
    step "$service" "container up in $(since "$started")"
}
