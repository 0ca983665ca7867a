/* app/verbs/schema-man.c - carrel __schema-man: carrel.ini(5) in mdoc, made
 * from the schema when the program is built. */
#include <stdio.h>
#include <string.h>

#include "app/verbs/run.h"
#include "profiles/schema.h"

static const char head[] =
    ".Dd November 22, 2026\n"
    ".Dt CARREL.INI 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm machine.ini\n"
    ".Nd settings of a machine of carrel\n"
    ".Sh DESCRIPTION\n"
    "Each machine is a folder with a file\n"
    ".Pa machine.ini .\n"
    "It has sections in brackets and lines\n"
    ".Ar key Ns = Ns Ar value ;\n"
    "lines that start with # are comments and are kept.\n"
    "In commands and messages a setting is named\n"
    ".Ar section . Ns Ar key ,\n"
    "for example\n"
    ".Ic carrel set dos machine.memory=32M .\n"
    ".Pp\n"
    "A section with # in its name exists several times: disk0, disk1.\n"
    "Sizes are bytes, or have the unit K, M, G or T (powers of 1024).\n"
    "Relative paths start at the folder of the file.\n"
    "Unknown keys are kept and warned about; a key may be there once.\n"
    ".Ic carrel check\n"
    "finds mistakes.\n"
    ".Sh SETTINGS\n";

static const char tail[] =
    ".Sh FILES\n"
    ".Bl -tag -width Ds\n"
    ".It Pa $XDG_DATA_HOME/carrel/machines/NAME/machine.ini\n"
    "the settings of machine NAME\n"
    ".It Pa machine.ini~\n"
    "the text before the last change\n"
    ".El\n"
    ".Sh EXAMPLES\n"
    "A PC for DOS that starts from a floppy image:\n"
    ".Bd -literal -offset indent\n"
    "[machine]\n"
    "memory=16M\n"
    "cpu-model=pentium\n"
    "rtc=localtime\n"
    "\n"
    "[floppy0]\n"
    "path=dos622.img\n"
    ".Ed\n"
    ".Sh SEE ALSO\n"
    ".Xr carrel 1\n";

/* Text that roff takes as it is. */
static void
print_text(const char *text)
{
    if (*text == '.' || *text == '\'')
        printf("\\&");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\\')
            printf("\\e");
        else if (*c == '-')
            printf("\\-");
        else
            putchar(*c);
    }
    printf("\n");
}

static void
print_key(const SchemaKey *key)
{
    g_autofree char *allowed = schema_describe_allowed(key);
    g_autofree char *help = g_strdup_printf("%s.", key->help);
    g_autofree char *line =
        *key->fallback != '\0'
            ? g_strdup_printf("Allowed is %s; the default is %s.", allowed,
                              key->fallback)
            : g_strdup_printf("Allowed is %s.", allowed);

    help[0] = g_ascii_toupper(help[0]);
    printf(".It Cm %s\n", key->key);
    print_text(help);
    print_text(line);
}

int
verb_schema_man(App *app, int argc, char **argv)
{
    unsigned n_sections, n_keys;
    const SchemaSection *sections = schema_sections(&n_sections);
    const SchemaKey *keys = schema_keys(&n_keys);

    printf("%s", head);
    for (unsigned i = 0; i < n_sections; i++) {
        printf(".Ss [%s]\n", sections[i].section);
        g_autofree char *help = g_strdup_printf("%s.", sections[i].help);
        help[0] = g_ascii_toupper(help[0]);
        print_text(help);
        printf(".Bl -tag -width Ds\n");
        for (unsigned k = 0; k < n_keys; k++)
            if (strcmp(keys[k].section, sections[i].section) == 0)
                print_key(&keys[k]);
        printf(".El\n");
    }
    printf("%s", tail);
    return EXIT_OK;
}
