#compdef kaito
# Completion of kaito for zsh: source <(kaito completion zsh), or as the file _kaito in a folder of $fpath

_kaito() {
    local program=${(Q)words[1]} last candidate
    local -a answer described order suffix
    # An alias or a function cannot be run.
    [[ $(whence -w -- $program) == *': command' ]] || program=kaito
    answer=("${(@f)$(${~program} __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    last=$answer[-1]
    answer[-1]=()
    # In --flag=value the value is completed.
    [[ $PREFIX == -*=* ]] && compset -P '*='
    if [[ $last == :0 ]]; then
        _files
        return
    fi
    for candidate in $answer; do
        # A colon separates word and description, so colons in the word are escaped, and backslashes in both.
        candidate=${candidate//\\/\\\\}
        if [[ $candidate == *$'\t'* ]]; then
            described+=("${${candidate%%$'\t'*}//:/\\:}:${candidate#*$'\t'}")
        else
            described+=("${candidate//:/\\:}")
        fi
    done
    # Values have an order; and within a folder, the name goes on.
    ((${last#:} & 32)) && order=(-V)
    ((${last#:} & 2)) && suffix=(-S '')
    (($#described)) && _describe $order -t kaito kaito described "${suffix[@]}"
}

if [[ ${funcstack[1]} == _kaito ]]; then
    _kaito "$@"
elif (($+functions[compdef])); then
    compdef _kaito kaito
fi
