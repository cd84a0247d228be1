# shellcheck shell=bash
# The five services as processes of this machine: settings, start, readiness.

services=(audit-sink retention-scheduler erasure-worker export-worker privacy-api)

# service_role NAME: its role on the control database.
service_role() {
    case $1 in
        privacy-api) echo lethe_api ;;
        export-worker) echo lethe_export ;;
        erasure-worker) echo lethe_erasure ;;
        retention-scheduler) echo lethe_scheduler ;;
        audit-sink) echo lethe_audit ;;
    esac
}

# url_as URL ROLE DATABASE: the same server, as that role, another database.
url_as() {
    local rest=${1#*://} host
    host=${rest#*@}
    printf 'postgres://%s@%s/%s' "$2" "${host%%/*}" "$3"
}

# services_ports: free ports for the API and five side ports, kept between starts while they are free.
services_ports() {
    local file=$demo/ports name
    # shellcheck source=/dev/null
    if [ -f "$file" ]; then . "$file"; fi
    ports_choose LETHE_API_PORT LETHE_ADMIN_1 LETHE_ADMIN_2 LETHE_ADMIN_3 LETHE_ADMIN_4 LETHE_ADMIN_5
    for name in LETHE_API_PORT LETHE_ADMIN_1 LETHE_ADMIN_2 LETHE_ADMIN_3 LETHE_ADMIN_4 LETHE_ADMIN_5; do
        printf '%s=%s\n' "$name" "${!name}"
    done >"$file"
    api_url=http://127.0.0.1:$LETHE_API_PORT
}

# services_settings: one settings file per service.
services_settings() {
    local number=0 name port
    if [ ! -s "$demo/link-key" ]; then (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$demo/link-key"); fi
    if [ ! -s "$demo/pseudonym-key" ]; then (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$demo/pseudonym-key"); fi
    mkdir -p "$demo/bucket"
    if [ ! -s "$demo/sealing-key" ]; then (umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$demo/sealing-key"); fi
    for name in "${services[@]}"; do
        number=$((number + 1))
        port=LETHE_ADMIN_$number
        {
            printf '[control]\nurl = "%s"\n' "$(url_as "$DATABASE_URL" "$(service_role "$name")" "$control_database")"
            printf '[amqp]\nurl = "%s"\n[admin]\nlisten = "127.0.0.1:%s"\n' "$AMQP_URL" "${!port}"
            service_own_settings "$name"
        } >"$demo/$name.toml"
    done
}

service_own_settings() {
    echo '[service]'
    case $1 in
        export-worker)
            printf 'data_map = "%s"\n' "$demo/datamap.yaml"
            printf '[service.stores.vantage]\nurl = "%s"\n' "$(url_as "$DATABASE_URL" vantage_reader "$subject_database")"
            printf '[service.packages]\nurl = "file://%s/packages"\n' "$demo"
            printf '[service.buckets.default]\nurl = "file://%s/bucket"\n' "$demo"
            printf '[service.sealing]\nactive = "k1"\n[service.sealing.keys]\nk1 = "%s"\n' "$(cat "$demo/sealing-key")"
            ;;
        erasure-worker)
            printf 'data_map = "%s"\n' "$demo/datamap.yaml"
            printf '[service.stores.vantage]\nurl = "%s"\n' "$(url_as "$DATABASE_URL" vantage_eraser "$subject_database")"
            printf '[service.verify.vantage]\nurl = "%s"\n' "$(url_as "$DATABASE_URL" vantage_reader "$subject_database")"
            printf '[service.buckets.default]\nurl = "file://%s/bucket"\n' "$demo"
            printf '[service.sealing]\nactive = "k1"\n[service.sealing.keys]\nk1 = "%s"\n' "$(cat "$demo/sealing-key")"
            printf '[service.pseudonyms]\nactive = "p1"\n[service.pseudonyms.keys]\np1 = "%s"\n' "$(cat "$demo/pseudonym-key")"
            ;;
        retention-scheduler) printf '[service.packages]\nurl = "file://%s/packages"\n' "$demo" ;;
        privacy-api)
            printf 'listen = "127.0.0.1:%s"\npublic_url = "%s"\nmode = "development"\n' "$LETHE_API_PORT" "$api_url"
            printf '[service.auth]\ndevelopment_issuer_key_file = "%s/keys/dev-issuer.pub.pem"\n' "$demo"
            printf '[service.packages]\nurl = "file://%s/packages"\nactive_link_key = "k1"\n' "$demo"
            printf '[service.packages.link_keys]\nk1 = { file = "%s/link-key" }\n' "$demo"
            printf '[service.sealing]\nactive = "k1"\n[service.sealing.keys]\nk1 = { file = "%s/sealing-key" }\n' "$demo"
            printf '[service.erasure]\ndata_map = "%s"\n' "$demo/datamap.yaml"
            printf '[service.erasure.stores.vantage]\nurl = "%s"\n' "$(url_as "$DATABASE_URL" vantage_reader "$subject_database")"
            ;;
    esac
}

# services_start: each as a process of its own, marked so that `servers down` finds it.
services_start() {
    local name number=0 port
    for name in "${services[@]}"; do
        LETHE_SERVICE_OF=$LETHE_LOCAL_DIR setsid "$bin/$name" --config "$demo/$name.toml" \
            >>"$demo/$name.log" 2>&1 </dev/null 9>&- &
    done
    for name in "${services[@]}"; do
        number=$((number + 1))
        port=LETHE_ADMIN_$number
        service_ready "$name" "http://127.0.0.1:${!port}/readyz"
    done
}

# service_ready NAME URL: bounded; on failure the end of the log.
service_ready() {
    local deadline=$(($(now_ms) + 60000))
    until http_ok "$2"; do
        if [ "$(now_ms)" -ge "$deadline" ]; then
            show_log "$demo/$1.log"
            die "$1 is not ready after a minute" "its log: $demo/$1.log"
        fi
        sleep 0.1
    done
    step "$1" "ready; health and metrics at ${2%/readyz}"
}

# http_ok URL: answers 200; needs no program but the shell.
http_ok() {
    local rest=${1#http://} address line=''
    address=${rest%%/*}
    { exec 8<>"/dev/tcp/${address%:*}/${address#*:}"; } 2>/dev/null || return 1
    printf 'GET /%s HTTP/1.0\r\n\r\n' "${rest#*/}" >&8
    read -r -t 5 line <&8 || true
    exec 8<&-
    case $line in *' 200 '*) return 0 ;; *) return 1 ;; esac
}
