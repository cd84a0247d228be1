# shellcheck shell=bash
# The private PostgreSQL: loopback only, TCP only (a deep directory exceeds the 107 bytes of a socket's path),
# everybody trusted, and no waiting for the disk unless asked, for its data can be made again.

# postgres_place: where its data lie. PostgreSQL refuses to run as root; as root it runs as user postgres, who may
# not be able to reach the directory (anything under /root): then a short one under /var/tmp serves.
postgres_place() {
    pg_dir=${LETHE_PG_DIR:-$LETHE_LOCAL_DIR/pg}
    pg_data=$pg_dir/data
    pg_log=$pg_dir/log
}

# postgres_user: root becomes the owner of the data, or user postgres while there are none.
postgres_user() {
    local owner
    owner=$(stat -c %U "$pg_data" 2>/dev/null || echo root)
    if [ "$owner" = root ]; then owner=postgres; fi
    id -u "$owner" >/dev/null 2>&1 || die "there is no user $owner to run PostgreSQL as (it refuses to run as root)"
    echo "$owner"
}

# as_pg COMMAND…: from /, which every user can enter.
as_pg() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec runuser -u "$(postgres_user)" -- "$@" 9>&-)
    else
        (cd / && exec "$@" 9>&-)
    fi
}

postgres_pids() { working_pids postgres "$pg_data"; }

# postgres_main: the process id of the server itself, when it is alive and ours.
postgres_main() {
    local pid
    pid=$(head -n 1 "$pg_data/postmaster.pid" 2>/dev/null || true)
    alive "$pid" && [ "/proc/$pid/cwd" -ef "$pg_data" ] && echo "$pid"
}

postgres_ready() {
    [ -n "${LETHE_PG_PORT:-}" ] && postgres_main >/dev/null && "$pg_bin/pg_isready" -q -t 3 -h 127.0.0.1 -p "$LETHE_PG_PORT"
}

# postgres_up: running with the present settings, whatever was before.
postgres_up() {
    local started attempt
    started=$(now_ms)
    postgres_check_version
    postgres_directory
    # shellcheck disable=SC2034 # written to the env file by name
    LETHE_PG_DIR=$pg_dir
    if postgres_ready && postgres_configure; then
        step postgresql "running on 127.0.0.1:$LETHE_PG_PORT"
        return 0
    fi
    for attempt in 1 2 3; do
        postgres_end
        ports_choose "${pg_ports[@]}"
        postgres_create
        postgres_configure || true
        if as_pg "$pg_bin/pg_ctl" -D "$pg_data" -w -t 60 -l "$pg_log" start >/dev/null 2>&1; then
            step postgresql "started on 127.0.0.1:$LETHE_PG_PORT in $(since "$started")"
            return 0
        fi
        # Another program may have taken the port between the choice and the start.
        ports_any_used "${pg_ports[@]}" || break
        step postgresql "port $LETHE_PG_PORT was taken meanwhile, choosing another (try $attempt)"
    done
    show_log "$pg_log"
    die "PostgreSQL does not start" "to begin with empty data: deploy/local/servers purge, then up"
}

postgres_check_version() {
    local made found
    made=$(cat "$pg_data/PG_VERSION" 2>/dev/null || true)
    found=$("$pg_bin/postgres" --version | grep -oE '[0-9]+' | head -n 1)
    [ -z "$made" ] || [ "$made" = "$found" ] ||
        die "the data in $pg_data were made by PostgreSQL $made, and here is $found" \
            "to begin with empty data: deploy/local/servers purge, then up"
}

# postgres_directory: makes it, and moves to the short one when the server's user cannot enter the usual one.
postgres_directory() {
    [ ! -d "$pg_dir" ] || [ ! -d "$pg_data" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        mkdir -p "$pg_dir"
        return 0
    fi
    mkdir -p "$pg_dir"
    chown "$(postgres_user)" "$pg_dir"
    if ! as_pg test -w "$pg_dir"; then
        rmdir "$pg_dir"
        mkdir -p "$short_dir"
        # Everybody may write to /var/tmp: a directory that somebody else laid there is not used.
        [ -O "$short_dir" ] && [ ! -L "$short_dir" ] || die "$short_dir belongs to somebody else" "remove it"
        pg_dir=$short_dir/pg
        mkdir -p "$pg_dir"
        chown "$(postgres_user)" "$pg_dir"
        step postgresql "user $(postgres_user) cannot enter $LETHE_LOCAL_DIR: data in $pg_dir"
    fi
    pg_data=$pg_dir/data pg_log=$pg_dir/log
}

# postgres_create: built beside its place and moved there, so that an interrupted initdb leaves nothing half made.
postgres_create() {
    [ ! -f "$pg_data/PG_VERSION" ] || return 0
    rm -rf "$pg_data" "$pg_data.new"
    as_pg "$pg_bin/initdb" -D "$pg_data.new" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
        >"$LETHE_LOCAL_DIR/initdb.log" 2>&1 ||
        { show_log "$LETHE_LOCAL_DIR/initdb.log" && die "initdb failed"; }
    as_pg sh -c 'echo "include = '\''lethe.conf'\''" >>"$1/postgresql.conf" && mv "$1" "$2"' \
        sh "$pg_data.new" "$pg_data"
}

# postgres_configure: writes the settings; fails when they differ from those that a running server has read.
postgres_configure() {
    local wanted sync=off
    [ "$LETHE_PG_FSYNC" != on ] || sync=on
    wanted="# Written by deploy/local/servers at every start.
listen_addresses = '127.0.0.1'
port = $LETHE_PG_PORT
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
max_wal_size = 2GB
fsync = $sync
synchronous_commit = $sync
full_page_writes = $sync
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '"
    if [ "$(as_pg cat "$pg_data/lethe.conf" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    printf '%s\n' "$wanted" | as_pg sh -c 'cat >"$1"' sh "$pg_data/lethe.conf"
    return 1
}

# postgres_end: in order if it can be had quickly, and certainly: nothing of it is alive afterwards.
postgres_end() {
    local pids
    mapfile -t pids < <(postgres_pids)
    if postgres_main >/dev/null; then
        as_pg "$pg_bin/pg_ctl" -D "$pg_data" -m fast -w -t 3 stop >/dev/null 2>&1 ||
            as_pg "$pg_bin/pg_ctl" -D "$pg_data" -m immediate -w -t 2 stop >/dev/null 2>&1 || true
        mapfile -t pids < <(postgres_pids)
    fi
    # After a kill -9 of the server, sessions may run on and would keep a new one from starting.
    end_now "${pids[@]}"
    rm -f "$pg_data/postmaster.pid"
}

# postgres_kill: kill -9 of the server itself; its sessions notice by themselves.
postgres_kill() {
    local pid
    pid=$(postgres_main) || die "PostgreSQL is not running"
    end_now "$pid"
}
