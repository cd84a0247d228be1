# shellcheck shell=bash
# The AsyncAPI initiative's own parser, which their command line (Node 24) also uses; it runs on Node 18 and newer.
# It needs no network once it is installed.

asyncapi_version=3.6.3

# node_tool: prints the directory whose node_modules holds @asyncapi/parser.
node_tool() {
    local directory=$tools_dir/node
    if ! node_found && ! { debian_install nodejs npm && node_found; }; then
        unavailable asyncapi "node 18 or newer with npm is missing (apt-get install nodejs npm)"
        return 1
    fi
    if [ "$(cat "$directory/ready" 2>/dev/null)" != "$asyncapi_version" ]; then
        node_install "$directory" || unavailable asyncapi "npm could not install it, see $tools_log" || return 1
    fi
    echo "$directory"
}

node_found() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 18 ? 0 : 1)'
}

node_install() {
    rm -rf "$1"
    mkdir -p "$1"
    # No scripts: nothing of what is installed runs here before a check asks for it.
    timeout -k 10 600 npm install --prefix "$1" --ignore-scripts --no-audit --no-fund \
        "@asyncapi/parser@$asyncapi_version" >>"$tools_log" 2>&1 </dev/null 9>&- || return 1
    echo "$asyncapi_version" >"$1/ready"
}
