# shellcheck shell=bash
# What the scripts say: one calm line per step, and on failure the reason, the last log lines and what to do.

# step NAME TEXT: one line of progress.
step() { printf '%-11s %s\n' "$1" "$2"; }

# die TEXT [ADVICE…]: the reason, then one line per piece of advice.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    local advice
    for advice in "$@"; do printf '       %s\n' "$advice" >&2; done
    exit 1
}

# show_log FILE…: the end of each log, indented, so that a failure explains itself.
show_log() {
    local file
    for file in "$@"; do
        [ -s "$file" ] || continue
        printf '  last lines of %s:\n' "$file" >&2
        tail -n 15 "$file" | cut -c1-240 | sed 's/^/    /' >&2
    done
}

now_ms() { date +%s%3N; }

# since MILLISECONDS: the seconds passed since then, as 1.2
since() {
    local passed=$(($(now_ms) - $1))
    printf '%d.%d s' $((passed / 1000)) $((passed % 1000 / 100))
}
