# shellcheck shell=bash
# The env file: the chosen values, for a shell to source. It is the memory of a set between two commands.

settings_names=(
    LETHE_LOCAL_DIR LETHE_PG_MODE LETHE_RMQ_MODE
    DATABASE_URL AMQP_URL
    LETHE_PG_HOST LETHE_PG_PORT LETHE_PG_ADMIN_URL LETHE_PG_DIR LETHE_PG_FSYNC LETHE_PSQL
    LETHE_AMQP_HOST LETHE_AMQP_PORT LETHE_RMQ_MGMT_PORT LETHE_RMQ_MGMT_URL LETHE_RMQ_PROM_PORT
    LETHE_RMQ_DIST_PORT LETHE_RMQ_EPMD_PORT LETHE_RMQ_CTL_PORT
    LETHE_LOCAL_URLS
)

# settings_load: remembers what the caller chose (servers of their own), then reads this set's values.
# URLs that a shell holds because it sourced some env file are ours, not the caller's: LETHE_LOCAL_URLS lists them.
settings_load() {
    own_database_url=${DATABASE_URL:-}
    own_amqp_url=${AMQP_URL:-}
    own_mgmt_url=${LETHE_RMQ_MGMT_URL:-}
    own_admin_url=${LETHE_PG_ADMIN_URL:-}
    own_fsync=${LETHE_PG_FSYNC:-}
    case ,${LETHE_LOCAL_URLS:-}, in *,"$own_database_url",*) own_database_url='' own_admin_url='' ;; esac
    case ,${LETHE_LOCAL_URLS:-}, in *,"$own_amqp_url",*) own_amqp_url='' own_mgmt_url='' ;; esac

    local name directory=$LETHE_LOCAL_DIR
    for name in "${settings_names[@]}"; do unset -v "$name"; done
    # shellcheck source=/dev/null
    if [ -f "$env_file" ]; then . "$env_file"; fi
    if [ "${LETHE_LOCAL_DIR:-}" != "$directory" ]; then
        # A copied directory names the servers of the original, which are not ours to use.
        for name in "${settings_names[@]}"; do unset -v "$name"; done
        LETHE_LOCAL_DIR=$directory
    fi
    LETHE_PG_FSYNC=${own_fsync:-${LETHE_PG_FSYNC:-off}}
}

# settings_save: writes the file in one move, so that a reader never sees half of it.
settings_save() {
    local name new=$env_file.new
    LETHE_LOCAL_URLS=
    if [ "$LETHE_PG_MODE" != yours ]; then LETHE_LOCAL_URLS+=${DATABASE_URL:-},; fi
    if [ "$LETHE_RMQ_MODE" != yours ]; then LETHE_LOCAL_URLS+=${AMQP_URL:-},; fi
    {
        echo '# Written by deploy/local/servers. To use it: set -a; . this-file; set +a'
        for name in "${settings_names[@]}"; do
            [ -z "${!name:-}" ] || printf '%s=%q\n' "$name" "${!name}"
        done
    } >"$new"
    mv "$new" "$env_file"
}

# settings_urls: the addresses of the servers that this set runs.
settings_urls() {
    if [ "$LETHE_PG_MODE" != yours ]; then
        LETHE_PG_HOST=127.0.0.1
        LETHE_PG_ADMIN_URL=postgres://postgres@127.0.0.1:$LETHE_PG_PORT/postgres
        DATABASE_URL=postgres://postgres@127.0.0.1:$LETHE_PG_PORT/lethe
    fi
    if [ "$LETHE_RMQ_MODE" != yours ]; then
        LETHE_AMQP_HOST=127.0.0.1
        AMQP_URL=amqp://guest:guest@127.0.0.1:$LETHE_AMQP_PORT/%2f
        LETHE_RMQ_MGMT_URL=http://guest:guest@127.0.0.1:$LETHE_RMQ_MGMT_PORT
    fi
}

# settings_yours PREFIX URL DEFAULT_PORT: host and port of a server of the caller's, and whether it answers.
settings_yours() {
    local authority=${2#*://} host port
    authority=${authority%%[/?]*}
    authority=${authority##*@}
    host=${authority%:*}
    port=${authority##*:}
    [ "$authority" != "$host" ] || port=$3
    host=${host#[}
    host=${host%]}
    printf -v "$1_HOST" '%s' "$host"
    printf -v "$1_PORT" '%s' "$port"
    # No host: a Unix socket, which the programs will try by themselves.
    [ -z "$host" ] || port_answers "$host" "$port" || die "nothing answers at $host:$port" "that address comes from your ${4:?}"
}
