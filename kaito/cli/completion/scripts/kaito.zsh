#compdef kaito
# Completion of kaito for zsh: source <(kaito completion zsh), or as the file _kaito in a folder of $fpath

_kaito() {
    local program=${(Q)words[1]} last candidate
    local -a answer described
    # An alias or a function is no program.
    [[ $(whence -w -- $program) == *': command' ]] || program=kaito
    answer=("${(@f)$(${~program} __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    last=$answer[-1]
    answer[-1]=()
    # What is completed in --flag=value is the value.
    [[ $PREFIX == -*=* ]] && compset -P '*='
    if [[ $last == :0 ]]; then
        _files
        return
    fi
    for candidate in $answer; do
        # What describes a word stands after a colon, so that those in it are escaped.
        if [[ $candidate == *$'\t'* ]]; then
            described+=("${${candidate%%$'\t'*}//:/\\:}:${candidate#*$'\t'}")
        else
            described+=("${candidate//:/\\:}")
        fi
    done
    (($#described)) && _describe -t kaito kaito described
}

if [[ ${funcstack[1]} == _kaito ]]; then
    _kaito "$@"
elif (($+functions[compdef])); then
    compdef _kaito kaito
fi
