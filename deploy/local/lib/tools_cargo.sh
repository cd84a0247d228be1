# shellcheck shell=bash
# Tools written in Rust. Building one takes minutes, so the ready-made binaries that Astral publishes from the same
# sources go first, and a build is the way where those do not exist.

# cargo_tool NAME: prints its path.
cargo_tool() {
    local name=$1 version package found
    case $name in
        cargo-deny) version=0.20.2 ;;
        cargo-shear) version=1.14.0 ;;
    esac
    package=astral-dev-toolchain-$name==$version
    found=$tools_dir/venv/bin/$name
    if python_ready && { cargo_tool_is "$found" "$version" || python_install "$package"; } &&
        cargo_tool_is "$found" "$version"; then
        echo "$found"
        return 0
    fi
    found=$tools_dir/tools/bin/$name
    if cargo_tool_is "$found" "$version" || cargo_build "$name" "$version"; then
        echo "$found"
        return 0
    fi
    unavailable "$name" "neither pip nor cargo could install version $version, see $tools_log"
}

cargo_tool_is() { [ -x "$1" ] && case $("$1" --version 2>/dev/null) in *"$2"*) true ;; *) false ;; esac; }

cargo_build() {
    timeout -k 10 1800 cargo install --locked --root "$tools_dir/tools" --version "$2" "$1" \
        >>"$tools_log" 2>&1 </dev/null 9>&-
}
