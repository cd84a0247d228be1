# shellcheck shell=bash
# The private RabbitMQ: its own node, cookie, port mapper (epmd) and ports, all on the loopback interface.
# A broker of the machine's own, with or without the standard ports, is neither disturbed nor disturbing.

rmq_mark() { echo "LETHE_SERVERS_MARK=$place_hash-rabbitmq"; }

# rmq_pids: every process of the node: virtual machine, its helpers, and the port mapper.
rmq_pids() { marked_pids "$(rmq_mark)"; }

# rmq_main: the process id of the virtual machine. Not from the node's pid file, which it removes early when it stops.
rmq_main() {
    local pid
    for pid in $(rmq_pids); do
        if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = beam.smp ] && alive "$pid"; then
            echo "$pid"
            return 0
        fi
    done
    return 1
}

# rmq_environment: what server and tools must agree on. Called in a subshell.
rmq_environment() {
    local name
    for name in "${!RABBITMQ_@}" "${!ERL_@}"; do unset -v "$name"; done
    export LC_ALL=C.UTF-8 HOME=$rmq_dir/home # the cookie lies in HOME
    # An unresolvable host part makes the node hang silently: localhost, looked up in our own file.
    export RABBITMQ_NODENAME=lethe@localhost ERL_INETRC=$rmq_dir/conf/inetrc
    export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$LETHE_AMQP_PORT
    export RABBITMQ_DIST_PORT=$LETHE_RMQ_DIST_PORT
    export ERL_EPMD_PORT=$LETHE_RMQ_EPMD_PORT ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_MNESIA_BASE=$rmq_dir/mnesia RABBITMQ_LOG_BASE=$rmq_dir/log RABBITMQ_PID_FILE=$rmq_dir/pid
    export RABBITMQ_FEATURE_FLAGS_FILE=$rmq_dir/mnesia/feature_flags
    export RABBITMQ_CONFIG_FILE=$rmq_dir/conf/rabbitmq.conf RABBITMQ_CONF_ENV_FILE=$rmq_dir/conf/rabbitmq-env.conf
    export RABBITMQ_ADVANCED_CONFIG_FILE=$rmq_dir/conf/advanced.config
    export RABBITMQ_ENABLED_PLUGINS_FILE=$rmq_dir/conf/enabled_plugins
    export RABBITMQ_GENERATED_CONFIG_DIR=$rmq_dir/conf/generated ERL_CRASH_DUMP=$rmq_dir/log/erl_crash.dump
    # Without this, the ports between nodes and tools listen on every interface.
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
    export RABBITMQ_CTL_ERL_ARGS='-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}'
    export RABBITMQ_CTL_DIST_PORT_MIN=$LETHE_RMQ_CTL_PORT RABBITMQ_CTL_DIST_PORT_MAX=$((LETHE_RMQ_CTL_PORT + 3))
    cd /
}

# rmq_ctl ARGUMENTS…
rmq_ctl() (
    rmq_environment
    exec "$rmq_bin/rabbitmqctl" "$@" 9>&-
)

# rmq_answers: speaks AMQP. Cheap, but a stranger's broker would too: rmq_ctl await_startup asks who it is.
rmq_answers() {
    timeout 5 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$1"
        printf "AMQP\x00\x00\x09\x01" >&3
        IFS= read -r -N 1 -t 4 first <&3
        [ "$first" = $'\''\x01'\'' ]' bash "$LETHE_AMQP_PORT" 2>/dev/null
}

rmq_ready() { [ -n "${LETHE_AMQP_PORT:-}" ] && rmq_main >/dev/null && rmq_answers; }

rmq_configure() {
    mkdir -p "$rmq_dir"/{home,mnesia,log,conf}
    if [ ! -s "$rmq_dir/home/.erlang.cookie" ]; then
        (umask 077 && head -c 24 /dev/urandom | sha256sum | cut -c1-40 >"$rmq_dir/home/.erlang.cookie")
    fi
    chmod 400 "$rmq_dir/home/.erlang.cookie"
    : >"$rmq_dir/conf/rabbitmq-env.conf"
    echo '[rabbitmq_management,rabbitmq_prometheus].' >"$rmq_dir/conf/enabled_plugins"
    echo '{lookup, [file]}. {host, {127,0,0,1}, ["localhost"]}.' >"$rmq_dir/conf/inetrc"
    cat >"$rmq_dir/conf/rabbitmq.conf" <<CONF
# Written by deploy/local/servers at every start.
listeners.tcp.local = 127.0.0.1:$LETHE_AMQP_PORT
management.tcp.ip = 127.0.0.1
management.tcp.port = $LETHE_RMQ_MGMT_PORT
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = $LETHE_RMQ_PROM_PORT
loopback_users.guest = true
log.console = false
disk_free_limit.absolute = 200MB
vm_memory_high_watermark.absolute = 1GB
CONF
}

# rmq_start_epmd: our own port mapper first, or the node starts one whose id nobody knows.
rmq_start_epmd() {
    local deadline=$(($(now_ms) + 5000))
    if port_answers 127.0.0.1 "$LETHE_RMQ_EPMD_PORT" && alive "$(cat "$rmq_dir/epmd.pid" 2>/dev/null)"; then
        return 0
    fi
    (
        rmq_environment
        export "$(rmq_mark)"
        exec setsid epmd -port "$LETHE_RMQ_EPMD_PORT" -address 127.0.0.1
    ) </dev/null >>"$rmq_dir/log/epmd" 2>&1 9>&- &
    disown
    echo $! >"$rmq_dir/epmd.pid"
    until port_answers 127.0.0.1 "$LETHE_RMQ_EPMD_PORT"; do
        [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# limit_files: enough for the tests, and not the billion of some containers, for which Erlang would set memory aside.
limit_files() {
    local hard
    hard=$(ulimit -Hn)
    if [ "$hard" = unlimited ] || [ "$hard" -gt 65536 ]; then hard=65536; fi
    ulimit -n "$hard"
}

# rmq_spawn: picks the ports and starts the node, without waiting for it.
rmq_spawn() {
    rmq_started=$(now_ms)
    ports_choose "${rmq_ports[@]}"
    rmq_configure
    rm -f "$rmq_dir/pid"
    rmq_start_epmd || return 1
    (
        rmq_environment
        export "$(rmq_mark)"
        limit_files
        exec setsid "$rmq_bin/rabbitmq-server"
    ) </dev/null >"$rmq_dir/log/startup" 2>&1 9>&- &
    rmq_spawned=$!
    disown
}

# rmq_booted: our own node says that all of it has started.
rmq_booted() {
    (
        rmq_environment
        exec timeout -k 5 60 "$rmq_bin/rabbitmqctl" await_startup --timeout 50
    ) >"$rmq_dir/log/await_startup" 2>&1 9>&-
}

# rmq_await: until the node has booted. A node that died is not waited for.
rmq_await() {
    local deadline=$(($(now_ms) + 90000))
    until rmq_ready; do
        alive "$rmq_spawned" && [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.1
    done
    rmq_booted && rmq_elect
}

# rmq_elect: has queues elect their leader. After a kill -9 a quorum queue of a single node (RabbitMQ 3.10) may
# remain a follower for ever, which takes messages and confirms none: nobody else is there to ask for an election.
rmq_elect() {
    rmq_ctl eval '[ra:trigger_election(Id) || Queue <- rabbit_amqqueue:list_by_type(rabbit_quorum_queue),
        {Name, _} = Id <- [amqqueue:get_pid(Queue)], element(1, sys:get_state(Name, 5000)) =:= follower].' \
        >"$rmq_dir/log/elect" 2>&1 || show_log "$rmq_dir/log/elect"
}

# rmq_begin: leaves a sound node as it is, repairs one that lost its port mapper, or starts one. rmq_finish waits.
rmq_begin() {
    rmq_spawned=
    if rmq_ready && rmq_start_epmd && rmq_booted; then return 0; fi
    rmq_end
    rmq_spawn || true
}

# rmq_finish: waits for what rmq_begin began, and tries again when a port was taken between choice and start.
rmq_finish() {
    local attempt
    if [ -z "$rmq_spawned" ]; then
        step rabbitmq "running on 127.0.0.1:$LETHE_AMQP_PORT"
        return 0
    fi
    for attempt in 1 2 3; do
        if rmq_await; then
            step rabbitmq "started on 127.0.0.1:$LETHE_AMQP_PORT in $(since "$rmq_started")"
            return 0
        fi
        rmq_end
        ports_any_used "${rmq_ports[@]}" || break
        step rabbitmq "a port was taken meanwhile, choosing another (try $attempt)"
        rmq_spawn || true
    done
    show_log "$rmq_dir/log/startup" "$rmq_dir/log/lethe@localhost.log" "$rmq_dir/log/await_startup"
    die "RabbitMQ does not start" "to begin with empty data: deploy/local/servers purge, then up"
}

# rmq_ask_end: asks the node to stop, without waiting.
rmq_ask_end() {
    local pid
    if pid=$(rmq_main); then send TERM "$pid"; fi
}

# rmq_end: in order if it can be had quickly, and certainly. The node closes its data within a moment of being asked,
# then lingers for five seconds more; a queue survives kill -9 in any case, so that time is not given.
rmq_end() {
    local pid pids
    if pid=$(rmq_main); then
        send TERM "$pid"
        wait_gone 2 "$pid" || true
    fi
    # Until none is left: a node that loses its port mapper starts another one.
    while mapfile -t pids < <(rmq_pids) && [ ${#pids[@]} -gt 0 ]; do end_now "${pids[@]}"; done
    rm -f "$rmq_dir/pid" "$rmq_dir/epmd.pid"
}

# rmq_kill: kill -9 of the node; its port mapper stays, as it does after a crash.
rmq_kill() {
    local pid
    pid=$(rmq_main) || die "RabbitMQ is not running"
    end_now "$pid"
}
