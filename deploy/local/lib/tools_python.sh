# shellcheck shell=bash
# Tools from the Python registry, in a virtual environment of our own.

# python_tool NAME: prints its path.
python_tool() {
    python_ready || return 1
    [ -x "$tools_dir/venv/bin/$1" ] || unavailable "$1" "it is not in $tools_dir/venv" || return 1
    echo "$tools_dir/venv/bin/$1"
}

# python_ready: the environment holds what requirements.txt names. A virtual environment knows its own place, so a
# copied one is made again.
python_ready() {
    local venv=$tools_dir/venv wanted
    wanted=$(printf '%s\n' "$venv" | cat - "$here/requirements.txt" | sha256sum)
    if [ "$(cat "$venv/ready" 2>/dev/null)" = "$wanted" ]; then return 0; fi
    [ -z "${python_failed:-}" ] || unavailable python "$python_failed" || return 1
    rm -rf "$venv"
    if ! python_make_venv "$venv"; then
        python_failed="python3 with venv is missing (apt-get install python3-venv)"
    elif ! python_install -r "$here/requirements.txt"; then
        python_failed="pip could not install requirements.txt, see $tools_log"
    else
        printf '%s\n' "$wanted" >"$venv/ready"
        return 0
    fi
    unavailable python "$python_failed"
}

python_make_venv() {
    python3 -m venv "$1" >>"$tools_log" 2>&1 && return 0
    debian_install python3-venv && rm -rf "$1" && /usr/bin/python3 -m venv "$1" >>"$tools_log" 2>&1
}

python_install() {
    timeout -k 10 600 "$tools_dir/venv/bin/python" -m pip --disable-pip-version-check --no-input \
        install --only-binary :all: "$@" >>"$tools_log" 2>&1 </dev/null 9>&-
}
