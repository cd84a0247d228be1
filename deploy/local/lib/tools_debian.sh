# shellcheck shell=bash
# Tools from Debian's own packages: programs that are not ours to read what we write.

# debian_tool NAME: prints its path.
debian_tool() {
    local package
    case $1 in
        7z) package=p7zip-full ;;
        *) package=$1 ;;
    esac
    command -v "$1" && return 0
    debian_install "$package" && command -v "$1" && return 0
    unavailable "$1" "it is not installed (apt-get install $package)"
}
