# shellcheck shell=bash
# Where a set of servers lives. One directory is one set; its hash names what must lie or be marked elsewhere.

# place_open: makes LETHE_LOCAL_DIR absolute and derives the names of everything in it. Creates nothing.
place_open() {
    LETHE_LOCAL_DIR=$(realpath -m -- "${LETHE_LOCAL_DIR:-$repo/.local}")
    place_hash=$(printf '%s' "$LETHE_LOCAL_DIR" | sha256sum | cut -c1-12)
    env_file=$LETHE_LOCAL_DIR/env
    rmq_dir=$LETHE_LOCAL_DIR/rmq
    short_dir=/var/tmp/lethe-$place_hash
    if [ -d "$LETHE_LOCAL_DIR" ] && [ "$(id -u)" -ne 0 ] && [ ! -O "$LETHE_LOCAL_DIR" ]; then
        die "$LETHE_LOCAL_DIR belongs to $(stat -c %U "$LETHE_LOCAL_DIR")" \
            "choose another directory: LETHE_LOCAL_DIR=… , or remove that one"
    fi
}

# place_lock: one command at a time works on a set. Descriptor 9 is closed in every server that is started.
place_lock() {
    mkdir -p "$LETHE_LOCAL_DIR" || die "cannot create $LETHE_LOCAL_DIR" "choose another directory: LETHE_LOCAL_DIR=…"
    exec 9>"$LETHE_LOCAL_DIR/lock"
    flock -w 180 9 || die "another command has held $LETHE_LOCAL_DIR/lock for three minutes"
}
