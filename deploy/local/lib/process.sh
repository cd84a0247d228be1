# shellcheck shell=bash
# Processes: who is alive, whose they are, and ending them within a bound.
# A process id alone proves nothing, for ids are given out again; so ownership is read from /proc.

# alive PID: runs, and is not a zombie (which kill -0 takes for alive; not every container reaps them).
alive() {
    local line threads
    [ -n "${1:-}" ] || return 1
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    case ${line##*) } in Z* | X*) ;; *) return 0 ;; esac
    # Its first thread may be gone while others still hold its ports.
    threads=("/proc/$1/task"/*)
    [ ${#threads[@]} -gt 1 ]
}

# marked_pids MARK: the processes that were started with this assignment in their environment; any thread
# tells, since the first may be gone.
marked_pids() {
    { printf '%s\0' /proc/[0-9]*/task/[0-9]*/environ | xargs -0 grep -lzsxF -- "$1" || true; } | cut -d/ -f3 | uniq
}

# working_pids PROGRAM DIRECTORY: the processes of that program whose working directory is this one.
working_pids() {
    local entry
    for entry in /proc/[0-9]*; do
        [ "$entry/cwd" -ef "$2" ] || continue
        case $(readlink "$entry/exe" || true) in */"$1" | */"$1 (deleted)") echo "${entry#/proc/}" ;; esac
    done
}

# any_alive PID…
any_alive() {
    local pid
    for pid in "$@"; do
        if alive "$pid"; then return 0; fi
    done
    return 1
}

# wait_gone SECONDS PID…: waits until none of them is alive.
wait_gone() {
    local deadline=$(($(now_ms) + $1 * 1000))
    shift
    while any_alive "$@"; do
        [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# send SIGNAL PID…: a process that has just ended is no error.
send() {
    local signal=$1
    shift
    [ $# -eq 0 ] || kill -s "$signal" "$@" 2>/dev/null || true
}

# end_now PID…: kill -9, and certainty that they are gone.
end_now() {
    [ $# -gt 0 ] || return 0
    send KILL "$@"
    wait_gone 10 "$@" || die "these processes do not end: $*" "look at them with: ps -fp ${*// /,}"
}
