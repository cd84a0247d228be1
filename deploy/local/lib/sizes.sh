# shellcheck shell=bash
# No source file over 500 lines; over 300 is worth a look.

size_fail=500
size_warn=300

# source_files: those of the repository, or of the directory where it is not one, that people write and read.
source_files() {
    {
        git ls-files --cached --others --exclude-standard 2>/dev/null ||
            find . -path ./target -prune -o -path ./.local -prune -o -type f -print | sed 's|^\./||'
    } | while read -r file; do
        [ -f "$file" ] || continue
        case $file in
            *.rs | *.sh | *.py | *.sql | *.html | *.css | *.js | *.cjs | Makefile) echo "$file" ;;
            deploy/* | .ci/*) case $(head -c 20 "$file" | tr -d '\0') in '#!'*) echo "$file" ;; esac ;;
        esac
    done
}

check_sizes() {
    local lines file code=0
    while read -r lines file; do
        if [ "$lines" -gt "$size_fail" ]; then
            printf 'error: %s has %d lines, more than %d\n' "$file" "$lines" "$size_fail"
            code=1
        elif [ "$lines" -gt "$size_warn" ]; then
            printf 'warning: %s has %d lines, more than %d\n' "$file" "$lines" "$size_warn"
        fi
    done < <(source_files | while read -r file; do printf '%d %s\n' "$(wc -l <"$file")" "$file"; done)
    return "$code"
}
