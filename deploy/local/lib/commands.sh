# shellcheck shell=bash
# The commands. Each server of a set is run in one of three modes:
#   private   Debian's program, started here        compose   a container        yours   named by the caller, left alone

# open_set: the settings of the set and where its parts are. Fails unless `up` has made it.
open_set() {
    place_open
    settings_load
    postgres_place
    [ -n "${LETHE_PG_MODE:-}" ] || die "there are no servers in $LETHE_LOCAL_DIR" "start them: deploy/local/servers up"
    programs_present
}

# programs_present: those that the private servers need must still be there.
programs_present() {
    if programs_missing; then
        die "${missing[*]} not found" "install what is missing: sudo apt-get install ${missing[*]}"
    fi
}

# choose_modes: a server of the caller's own goes first; containers that were chosen once stay chosen.
choose_modes() {
    if [ -n "$own_database_url" ]; then
        LETHE_PG_MODE=yours
        DATABASE_URL=$own_database_url
        LETHE_PG_ADMIN_URL=${own_admin_url:-$own_database_url}
        settings_yours LETHE_PG "$DATABASE_URL" 5432 DATABASE_URL
        step postgresql "yours, at $LETHE_PG_HOST:$LETHE_PG_PORT"
    elif [ "${LETHE_PG_MODE:-}" != compose ]; then
        LETHE_PG_MODE=private
    fi
    if [ -n "$own_amqp_url" ]; then
        LETHE_RMQ_MODE=yours
        AMQP_URL=$own_amqp_url
        LETHE_RMQ_MGMT_URL=$own_mgmt_url
        settings_yours LETHE_AMQP "$AMQP_URL" 5672 AMQP_URL
        step rabbitmq "yours, at $LETHE_AMQP_HOST:$LETHE_AMQP_PORT"
    elif [ "${LETHE_RMQ_MODE:-}" != compose ]; then
        LETHE_RMQ_MODE=private
    fi
}

command_up() {
    local started
    started=$(now_ms)
    place_open
    place_lock
    settings_load
    postgres_place
    forget_foreign_ports
    choose_modes
    programs_need
    settings_save # already now: `down` must know of containers even when something below fails
    # The broker takes longest: it boots while the database starts.
    if [ "$LETHE_RMQ_MODE" = private ]; then rmq_begin; fi
    case $LETHE_PG_MODE in
        private)
            postgres_up
            # shellcheck disable=SC2034 # written to the env file by name
            LETHE_PSQL=$pg_bin/psql
            ;;
        compose) compose_up postgres "${pg_ports[@]}" ;;
    esac
    settings_save
    case $LETHE_RMQ_MODE in
        private) rmq_finish ;;
        compose) compose_up rabbitmq "${rmq_ports[@]}" ;;
    esac
    settings_urls
    settings_save
    step ready "in $(since "$started"); settings in $env_file"
}

# forget_foreign_ports: what was the port of a server of the caller's is no choice of ours.
forget_foreign_ports() {
    if [ "${LETHE_PG_MODE:-}" = yours ]; then LETHE_PG_PORT=; fi
    if [ "${LETHE_RMQ_MODE:-}" = yours ]; then LETHE_AMQP_PORT=; fi
}

command_down() {
    place_open
    [ -d "$LETHE_LOCAL_DIR" ] || return 0
    place_lock
    settings_load
    postgres_place
    stop_services
    stop_private
    if [ "${LETHE_PG_MODE:-}" = compose ] || [ "${LETHE_RMQ_MODE:-}" = compose ]; then
        compose_run down -t 3 >/dev/null 2>&1 || die "the containers do not stop"
    fi
    step down "no server of $LETHE_LOCAL_DIR runs"
}

# stop_services: the programs that run on these servers, when they were started with LETHE_SERVICE_OF=<directory> in
# their environment. They go first, in order, so that they can finish what they hold.
stop_services() {
    local pids
    mapfile -t pids < <(marked_pids "LETHE_SERVICE_OF=$LETHE_LOCAL_DIR")
    if [ ${#pids[@]} -eq 0 ]; then return 0; fi
    send TERM "${pids[@]}"
    wait_gone 12 "${pids[@]}" || step services "did not end within 12 s: killed"
    end_now "${pids[@]}"
    step services "${#pids[@]} processes ended"
}

# stop_private: works without the programs and without an env file too, from the processes alone.
stop_private() {
    find_pg_bin || pg_bin=/nonexistent
    rmq_ask_end
    postgres_end
    pg_data=$short_dir/pg/data postgres_end
    rmq_end
}

command_purge() {
    command_down
    [ -d "$LETHE_LOCAL_DIR" ] || return 0
    if [ "${LETHE_PG_MODE:-}" = compose ] || [ "${LETHE_RMQ_MODE:-}" = compose ]; then
        compose_run down -v >/dev/null 2>&1 || die "the volumes of the containers cannot be removed"
    fi
    rm -rf "$LETHE_LOCAL_DIR/pg" "$rmq_dir" "$env_file" "$LETHE_LOCAL_DIR"/{initdb,install,compose}.log
    if [ -O "$short_dir" ]; then rm -rf "$short_dir"; fi
    rm -f "$LETHE_LOCAL_DIR/lock"
    rmdir --ignore-fail-on-non-empty "$LETHE_LOCAL_DIR"
    step purge "data removed"
}

command_env() {
    place_open
    [ -f "$env_file" ] || die "there are no servers in $LETHE_LOCAL_DIR" "start them: deploy/local/servers up"
    cat "$env_file"
}

command_status() {
    local good=0
    open_set
    case $LETHE_PG_MODE in
        private) if postgres_ready; then say_up postgresql "$LETHE_PG_PORT" "$(postgres_main)"; else say_gone postgresql; fi ;;
        compose) if compose_running postgres; then say_up postgresql "$LETHE_PG_PORT" container; else say_gone postgresql; fi ;;
        yours) step postgresql "yours, at $LETHE_PG_HOST:$LETHE_PG_PORT" ;;
    esac
    case $LETHE_RMQ_MODE in
        private) if rmq_ready; then say_up rabbitmq "$LETHE_AMQP_PORT" "$(rmq_main)"; else say_gone rabbitmq; fi ;;
        compose) if compose_running rabbitmq; then say_up rabbitmq "$LETHE_AMQP_PORT" container; else say_gone rabbitmq; fi ;;
        yours) step rabbitmq "yours, at $LETHE_AMQP_HOST:$LETHE_AMQP_PORT" ;;
    esac
    return "$good"
}

say_up() { step "$1" "up on 127.0.0.1:$2 (process $3)"; }

say_gone() {
    step "$1" "down"
    good=3
}

command_kill() {
    on_broker kill
    on_postgres kill
}

# on_broker ACTION, on_postgres ACTION: kill, start, stop or restart one server and leave the other alone.
on_broker() {
    open_set
    place_lock
    case $LETHE_RMQ_MODE:$1 in
        private:kill) rmq_kill ;;
        private:stop) rmq_end ;;
        private:start | private:restart)
            if [ "$1" = restart ]; then rmq_end; fi
            rmq_begin
            rmq_finish
            ;;
        compose:*) compose_action "$1" rabbitmq "${rmq_ports[@]}" ;;
        yours:*) die "RabbitMQ is yours (AMQP_URL): it is not touched" ;;
    esac
    settings_after "$1"
}

on_postgres() {
    open_set
    place_lock
    case $LETHE_PG_MODE:$1 in
        private:kill) postgres_kill ;;
        private:stop) postgres_end ;;
        private:start | private:restart)
            if [ "$1" = restart ]; then postgres_end; fi
            postgres_up
            ;;
        compose:*) compose_action "$1" postgres "${pg_ports[@]}" ;;
        yours:*) die "PostgreSQL is yours (DATABASE_URL): it is not touched" ;;
    esac
    settings_after "$1"
}

compose_action() {
    local action=$1 service=$2
    shift 2
    case $action in
        kill) compose_run kill -s KILL "$service" >/dev/null ;;
        stop) compose_run stop -t 3 "$service" >/dev/null ;;
        start) compose_up "$service" "$@" ;;
        restart)
            compose_run stop -t 3 "$service" >/dev/null
            compose_up "$service" "$@"
            ;;
    esac
}

# settings_after ACTION: a start may have had to choose other ports.
settings_after() {
    case $1 in
        start | restart)
            settings_urls
            settings_save
            ;;
    esac
}

command_psql() {
    open_set
    [ "$LETHE_PG_MODE" = private ] || die "psql is for the private server; use yours with $LETHE_PG_ADMIN_URL"
    exec "$pg_bin/psql" -d "$LETHE_PG_ADMIN_URL" "$@"
}

command_rabbitmqctl() {
    open_set
    [ "$LETHE_RMQ_MODE" = private ] || die "rabbitmqctl is for the private node"
    rmq_ready || die "RabbitMQ is not running" "start it: deploy/local/servers up"
    rmq_ctl "$@"
}
