# Completion of kaito for fish: kaito completion fish > ~/.config/fish/completions/kaito.fish

function __kaito_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l typed (string unescape -- $current)
    # An open quote.
    or set typed (string replace -r '^["\']' '' -- $current)
    set -l program $before[1]
    # An alias or a function cannot be run.
    type -qf -- $program; or set program kaito
    set -l answer ($program __complete $before[2..-1] "$typed" 2>/dev/null)
    set -l last $answer[-1]
    # In --flag=value the value is completed; fish replaces the whole word.
    set -l flag (string match -r -- '^-[^=]*=' "$typed")
    if test "$last" = :0
        printf "$flag%s\n" (__fish_complete_path (string replace -- "$flag" '' "$typed"))
        return
    end
    set -l candidates $answer[1..-2]
    # Values have an order, commands and flags are sorted.
    if not contains -- $last :36 :38
        set candidates (printf '%s\n' $candidates | sort)
    end
    for candidate in $candidates
        printf '%s%s\n' "$flag" "$candidate"
    end
end

complete -c kaito -e
complete -c kaito -f -k -a '(__kaito_complete)'
