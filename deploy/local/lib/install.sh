# shellcheck shell=bash
# Finds the programs of the servers, and installs Debian's packages when they are missing and that is allowed.

# find_pg_bin: the directory of initdb, pg_ctl and postgres, version 14 or newer. The version that made the data
# goes before the newest one.
find_pg_bin() {
    local made candidate candidates
    made=$(cat "$pg_data/PG_VERSION" 2>/dev/null || true)
    if [ -n "${LETHE_PG_BIN_DIR:-}" ]; then
        candidates=$LETHE_PG_BIN_DIR
    else
        candidates=$(
            if [ -n "$made" ]; then echo "/usr/lib/postgresql/$made/bin"; fi
            printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV
            dirname "$(readlink -f "$(command -v pg_ctl || echo /)")"
        )
    fi
    while read -r candidate; do
        [ -x "$candidate/initdb" ] && [ -x "$candidate/pg_ctl" ] && [ -x "$candidate/postgres" ] || continue
        [ "$("$candidate/postgres" --version | grep -oE '[0-9]+' | head -n 1)" -ge 14 ] || continue
        pg_bin=$candidate
        return 0
    done <<<"$candidates"
    return 1
}

# find_rmq_bin: the directory of the plain scripts. Those in /usr/sbin are Debian's: they change user and directory.
find_rmq_bin() {
    local candidate candidates
    command -v erl >/dev/null || [ -n "${LETHE_RMQ_BIN_DIR:-}" ] || return 1
    if [ -n "${LETHE_RMQ_BIN_DIR:-}" ]; then
        candidates=$LETHE_RMQ_BIN_DIR
    else
        candidates=$(printf '%s\n' /usr/lib/rabbitmq/bin /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin /opt/rabbitmq/sbin)
    fi
    while read -r candidate; do
        [ -x "$candidate/rabbitmq-server" ] && [ -x "$candidate/rabbitmqctl" ] || continue
        rmq_bin=$candidate
        return 0
    done <<<"$candidates"
    return 1
}

# programs_missing: fills `missing` with the packages that the private servers of this set still need.
programs_missing() {
    missing=()
    [ "$LETHE_PG_MODE" != private ] || find_pg_bin || missing+=(postgresql)
    [ "$LETHE_RMQ_MODE" != private ] || find_rmq_bin || missing+=(rabbitmq-server)
    [ ${#missing[@]} -gt 0 ]
}

# install_packages PACKAGE…: with apt-get, quietly; the log is shown when it fails. Debian may start servers of its
# own from these packages, on the standard ports: they are left alone.
install_packages() {
    local log=$LETHE_LOCAL_DIR/install.log started
    started=$(now_ms)
    step install "$* (log: $log)"
    # Without the lock timeout, apt-get fails at once while another one runs.
    apt_get update >"$log" 2>&1 || step install "apt-get update failed; trying with the lists that are here"
    if ! apt_get install -y --no-install-recommends "$@" >>"$log" 2>&1; then
        show_log "$log"
        return 1
    fi
    step install "done in $(since "$started")"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive timeout -k 10 900 \
        apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null 9>&-
}

# programs_need: makes sure that both servers can be started one way or another, and settles the mode of each.
programs_need() {
    if ! programs_missing; then return 0; fi
    if [ "$(id -u)" -eq 0 ] && [ "${LETHE_INSTALL:-yes}" != no ] && command -v apt-get >/dev/null; then
        if install_packages "${missing[@]}" && ! programs_missing; then return 0; fi
    fi
    if compose_answers; then
        local package
        step compose "${missing[*]} not installed here: using the container engine"
        for package in "${missing[@]}"; do
            case $package in
                postgresql) LETHE_PG_MODE=compose ;;
                rabbitmq-server) LETHE_RMQ_MODE=compose ;;
            esac
        done
        return 0
    fi
    die "${missing[*]} not found, and no container engine answers" \
        "install what is missing:   sudo apt-get install ${missing[*]}" \
        "or start Docker, and run this again (it then uses deploy/compose.yaml)" \
        "or name servers that you have: DATABASE_URL=postgres://… AMQP_URL=amqp://…"
}
