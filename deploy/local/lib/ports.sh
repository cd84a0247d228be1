# shellcheck shell=bash
# Free ports, chosen at start. They lie below the range that the kernel gives to outgoing connections, start at a
# place that depends on the set, and never are the servers' standard ports, even while those are free.

declare -A ports_taken=()
ports_first=20000
ports_last=29999
# The settings that hold a port, with the count of consecutive ports where it is not one.
# The tools of RabbitMQ listen too, while they talk to the node; four may do so at once.
pg_ports=(LETHE_PG_PORT)
rmq_ports=(LETHE_AMQP_PORT LETHE_RMQ_MGMT_PORT LETHE_RMQ_PROM_PORT LETHE_RMQ_DIST_PORT LETHE_RMQ_EPMD_PORT
    LETHE_RMQ_CTL_PORT:4)

# ports_choose NAME[:COUNT]…: gives each setting free ports; those it has are kept while they are free.
ports_choose() {
    local wish name port
    ports_look
    for wish in "${pg_ports[@]}" "${rmq_ports[@]}"; do
        name=${wish%:*}
        case " $* " in *" $wish "*) continue ;; esac
        # A server of this set that is just starting does not hold its ports yet.
        for ((port = ${!name:-0}; port < ${!name:-0} + $(ports_count "$wish"); port++)); do ports_taken[$port]=ours; done
    done
    for wish in "$@"; do port_pick "${wish%:*}" "$(ports_count "$wish")"; done
}

ports_count() { case $1 in *:*) echo "${1#*:}" ;; *) echo 1 ;; esac; }

# ports_look: reads which TCP ports are in use. What a killed server's connections leave behind for a while
# (FIN_WAIT 04 and 05, TIME_WAIT 06, LAST_ACK 09, CLOSING 0B) keeps nobody from listening there again.
ports_look() {
    ports_taken=([25672]=standard)
    local local_address state
    while read -r _ local_address _ state _; do
        case $state in
            04 | 05 | 06 | 09 | 0B) ;;
            *) ports_taken[$((16#${local_address##*:}))]=used ;;
        esac
    done < <(tail -qn +2 /proc/net/tcp /proc/net/tcp6 2>/dev/null || true)
    ports_next=$((ports_first + 16#${place_hash:0:6} % 990 * 10))
}

# port_pick NAME COUNT: keeps the port in variable NAME while it and the COUNT-1 after it are free, or finds others.
port_pick() {
    local name=$1 count=$2 port tries
    port=${!name:-}
    if [ -z "$port" ] || ! ports_free "$port" "$count"; then
        port=$ports_next
        for ((tries = 0; tries < 9900; tries++)); do
            if ports_free "$port" "$count"; then break; fi
            port=$((port + 1))
            [ $((port + count)) -le "$ports_last" ] || port=$ports_first
        done
        [ "$tries" -lt 9900 ] || die "no free port between $ports_first and $ports_last"
        ports_next=$((port + count))
    fi
    printf -v "$name" '%s' "$port"
    local taken
    for ((taken = port; taken < port + count; taken++)); do ports_taken[$taken]=ours; done
}

# ports_free PORT COUNT
ports_free() {
    local port
    for ((port = $1; port < $1 + $2; port++)); do
        [ -z "${ports_taken[$port]:-}" ] || return 1
    done
}

# ports_any_used NAME[:COUNT]…: somebody holds one of them at this moment.
ports_any_used() {
    local wish name
    ports_look
    for wish in "$@"; do
        name=${wish%:*}
        ports_free "${!name}" "$(ports_count "$wish")" || return 0
    done
    return 1
}

# port_answers HOST PORT: accepts a connection within three seconds.
port_answers() {
    timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2" 2>/dev/null
}
