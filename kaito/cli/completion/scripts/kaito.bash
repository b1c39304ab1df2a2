# Completion of kaito for bash 3.2 and later: source <(kaito completion bash)

__kaito_complete() {
    local program=${1/#\~\//$HOME/} line
    COMPREPLY=()
    # An alias or a function cannot be run.
    [[ $(type -t -- "$program") == file ]] || program=kaito
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("$program" __complete_bash \
        "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" "$COMP_TYPE" "${COLUMNS:-80}" 2>/dev/null)
    local last=$((${#COMPREPLY[@]} - 1))
    ((last >= 0)) || return
    line=${COMPREPLY[last]}
    unset "COMPREPLY[last]"
    # Complete file names only where one is expected.
    if [[ $line != :0 && $(type -t compopt) == builtin ]]; then
        compopt +o default +o bashdefault
        # A folder, within which the name goes on.
        if ((${line#:} & 2)); then
            compopt -o nospace
        fi
        # Values have an order. Bash before 4.4 sorts them.
        if ((${line#:} & 32)); then
            compopt -o nosort 2>/dev/null
        fi
    fi
}

complete -o default -o bashdefault -F __kaito_complete kaito
