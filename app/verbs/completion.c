/* app/verbs/completion.c - carrel completion SHELL prints a small script; it
 * asks `carrel __complete WORD...` (complete.c), so all shells offer the same
 * and the scripts never age. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"

static const char bash_script[] =
    "# bash completion for carrel\n"
    "_carrel() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} cur reply\n"
    "    local -a words\n"
    "    read -ra words <<< \"$line\"\n"
    "    [[ $line == *[[:space:]] ]] && words+=('')\n"
    "    cur=${words[-1]}\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r reply _; do\n"
    "        [[ $reply == \"$cur\"* ]] || continue\n"
    "        # readline starts a new word behind '='\n"
    "        [[ $cur == *=* ]] && reply=${reply#*=}\n"
    "        COMPREPLY+=(\"$reply\")\n"
    "    done < <(carrel __complete -- \"${words[@]:1}\" 2>/dev/null)\n"
    "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
    "}\n"
    "complete -o default -F _carrel carrel\n";

static const char zsh_script[] =
    "#compdef carrel\n"
    "_carrel() {\n"
    "    local -a found\n"
    "    local word text\n"
    "    while IFS=$'\\t' read -r word text; do\n"
    "        found+=(\"${word//:/\\\\:}:${text}\")\n"
    "    done < <(carrel __complete -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)\n"
    "    if (( ${#found} )); then\n"
    "        _describe -V carrel found\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "if [[ $funcstack[1] == _carrel ]]; then\n"
    "    _carrel \"$@\"\n"
    "else\n"
    "    compdef _carrel carrel\n"
    "fi\n";

static const char fish_script[] =
    "# fish completion for carrel\n"
    "function __carrel_complete\n"
    "    set -l words (commandline -opc) (commandline -ct)\n"
    "    carrel __complete -- $words[2..-1] 2>/dev/null\n"
    "end\n"
    "complete -c carrel -a '(__carrel_complete)'\n";

int
verb_completion(App *app, int argc, char **argv)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {
        {"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    g_auto(GStrv) args = NULL;
    int code = app_parse(app, argv, NULL, 1, 1, &args);

    if (code >= 0)
        return code;
    for (unsigned i = 0; i < G_N_ELEMENTS(scripts); i++)
        if (strcmp(args[0], scripts[i].shell) == 0) {
            printf("%s", scripts[i].script);
            return EXIT_OK;
        }
    return app_fail(app, EXIT_USAGE, "usage", NULL, NULL,
                    "completion: say bash, zsh or fish, not '%s'", args[0]);
}
