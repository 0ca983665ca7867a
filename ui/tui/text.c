/* text.c - text for the terminal: made safe, measured, matched. Guests, images
 * and profiles choose names and log lines, so no byte of theirs may reach the
 * terminal as a control code. */
#include "ui/tui/text.h"

#include <string.h>

/* Nearest ASCII of the characters that Carrel and code page 437 use. */
typedef struct {
    const char *from; /* UTF-8 characters */
    char to;
} Translit;

/* clang-format off */
static const Translit translits[] = {
    {"─━═╌┄╴╶", '-'}, {"│┃║╎┆", '|'},
    {"┌┐└┘├┤┬┴┼╒╓╔╕╖╗╘╙╚╛╜╝╞╟╠╡╢╣╤╥╦╧╨╩╪╫╬╭╮╯╰", '+'},
    {"█▓▌▐▀■▉▊▋", '#'}, {"▒▆▇", '%'}, {"░", ':'}, {"▄▅▬", '='},
    {"▁▂", '.'}, {"▃", ':'},
    {"…~≈", '~'}, {"·•∙◦◘○◙", '.'}, {"←◄‹«", '<'}, {"→►›»", '>'},
    {"↑▲", '^'}, {"↓▼", 'v'}, {"↔↕↨▪", '*'}, {"☺☻♥♦♣♠♂♀♪♫☼", '*'},
    {"‘’´", '\''}, {"“”", '"'}, {"–—‐−¬⌐∟", '-'}, {"×", 'x'}, {"÷", '/'},
    {"ß", 'B'}, {"αª", 'a'}, {"πΠ", 'p'}, {"Σ", 'E'}, {"σº°", 'o'}, {"µ", 'u'},
    {"τ", 't'}, {"ΦφΘΩø", 'O'}, {"δ", 'd'}, {"∞", '8'}, {"ε∩", 'n'},
    {"≡", '='}, {"±", '+'}, {"≥", '>'}, {"≤", '<'}, {"⌠⌡", '|'},
    {"√", 'v'}, {"ⁿ", 'n'}, {"²", '2'}, {"½¼", '/'}, {"¡‼", '!'}, {"¿", '?'},
    {"¢", 'c'}, {"£", 'L'}, {"¥", 'Y'}, {"₧", 'P'}, {"ƒ", 'f'}, {"¶", 'P'},
    {"§", 'S'}, {"⌂", '^'}, {"Æ", 'A'}, {"æ", 'a'},
};
/* clang-format on */

char
text_ascii(gunichar c)
{
    gunichar parts[4] = {0};

    if (c < 0x80)
        return c < 0x20 || c == 0x7f ? '?' : (char) c;
    if (c == 0xa0)
        return ' ';
    for (gsize i = 0; i < G_N_ELEMENTS(translits); i++)
        if (g_utf8_strchr(translits[i].from, -1, c) != NULL)
            return translits[i].to;
    if (g_unichar_fully_decompose(c, FALSE, parts, 4) > 1 && parts[0] < 0x80)
        return (char) parts[0]; /* é -> e */
    return '?';
}

int
text_char_width(gunichar c)
{
    if (g_unichar_iszerowidth(c))
        return 0;
    return g_unichar_iswide(c) ? 2 : 1;
}

/* Characters that change how others are laid out, so a name could look like
 * another one. */
static bool
is_direction_mark(gunichar c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0xfeff;
}

static void
append_char(GString *out, gunichar c, bool ascii)
{
    if (c < 0x20)
        g_string_append_printf(out, "^%c", (char) (c + 0x40));
    else if (c == 0x7f || (c >= 0x80 && c < 0xa0))
        g_string_append_printf(out, "\\x%02x", c);
    else if (c < 0x7f)
        g_string_append_c(out, (char) c);
    else if (is_direction_mark(c) || g_unichar_iszerowidth(c) ||
             !g_unichar_isprint(c))
        g_string_append_printf(out, "\\u%04x", c);
    else if (ascii)
        g_string_append_c(out, text_ascii(c));
    else
        g_string_append_unichar(out, c);
}

char *
text_safe(const char *text, gssize len, bool ascii)
{
    const char *p = text, *end = text + (len < 0 ? strlen(text) : (gsize) len);
    GString *out = g_string_sized_new((gsize) (end - text) + 1);

    while (p < end) {
        /* GLib calls a NUL incomplete. */
        gunichar c = *p == '\0' ? 0 : g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar) -1 || c == (gunichar) -2) {
            g_string_append_printf(out, "\\x%02x", (guchar) *p++);
            continue;
        }
        append_char(out, c, ascii);
        p += g_unichar_to_utf8(c, NULL);
    }
    return g_string_free(out, FALSE);
}

int
text_width(const char *safe)
{
    int width = 0;

    for (const char *p = safe; *p != '\0'; p = g_utf8_next_char(p))
        width += text_char_width(g_utf8_get_char(p));
    return width;
}

/* Bytes of the longest prefix of safe that takes at most width columns. */
static gsize
prefix_len(const char *safe, int width)
{
    const char *p = safe;
    int used = 0;

    while (*p != '\0') {
        used += text_char_width(g_utf8_get_char(p));
        if (used > width)
            break;
        p = g_utf8_next_char(p);
    }
    return (gsize) (p - safe);
}

char *
text_clip(const char *safe, int width, bool ascii)
{
    if (width <= 0)
        return g_strdup("");
    if (text_width(safe) <= width)
        return g_strdup(safe);
    g_autofree char *head = g_strndup(safe, prefix_len(safe, width - 1));
    return g_strconcat(head, ascii ? "~" : "…", NULL);
}

static void
wrap_line(GPtrArray *lines, const char *line, int width)
{
    while (text_width(line) > width) {
        gsize len = MAX(prefix_len(line, width), 1), cut = len;

        while (cut > 0 && line[cut] != ' ')
            cut--;
        if (cut == 0)
            cut = len;
        g_ptr_array_add(lines, g_strndup(line, cut));
        line += cut;
        while (*line == ' ')
            line++;
    }
    g_ptr_array_add(lines, g_strdup(line));
}

GPtrArray *
text_wrap(const char *safe, int width)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(safe, "\n", -1);

    width = MAX(width, 2);
    for (char **part = parts; *part != NULL; part++)
        wrap_line(lines, *part, width);
    return lines;
}

static bool
contains_any(const char *folded, const char *word)
{
    g_auto(GStrv) options = g_strsplit(word, "|", -1);

    for (char **o = options; *o != NULL; o++)
        if (**o != '\0' && strstr(folded, *o) != NULL)
            return true;
    return false;
}

bool
text_matches(const char *pattern, const char *text)
{
    g_autofree char *valid_pattern = g_utf8_make_valid(pattern, -1);
    g_autofree char *valid_text = g_utf8_make_valid(text, -1);
    g_autofree char *want = g_utf8_casefold(valid_pattern, -1);
    g_autofree char *have = g_utf8_casefold(valid_text, -1);
    g_auto(GStrv) words = g_strsplit(want, " ", -1);

    for (char **w = words; *w != NULL; w++) {
        const char *word = *w;
        bool negate = word[0] == '!';

        if (negate)
            word++;
        if (*word != '\0' && contains_any(have, word) == negate)
            return false;
    }
    return true;
}

int
text_fuzzy(const char *pattern, const char *text)
{
    int score = 0, at = 0;
    const char *t = text;

    for (const char *p = pattern; *p != '\0'; p++) {
        int gap = 0;

        while (*t != '\0' && g_ascii_tolower(*t) != g_ascii_tolower(*p)) {
            t++;
            gap++;
        }
        if (*t == '\0')
            return -1;
        score += at == 0 ? gap : gap * 2;
        at++;
        t++;
    }
    return score;
}

char *
text_size(guint64 bytes)
{
    static const char units[] = "KMGTPE";
    double value = (double) bytes / 1024;
    unsigned unit = 0;

    if (bytes == 0)
        return g_strdup("-");
    while (value >= 1024 && unit + 1 < sizeof units - 1) {
        value /= 1024;
        unit++;
    }
    if (value < 10 || unit >= 2)
        return g_strdup_printf("%.1f%c", value, units[unit]);
    return g_strdup_printf("%.0f%c", value, units[unit]);
}

char *
text_rate(guint64 bytes_per_s)
{
    if (bytes_per_s == 0)
        return g_strdup("-");
    g_autofree char *size = text_size(bytes_per_s);
    return g_strconcat(size, "/s", NULL);
}

char *
text_duration(gint64 seconds)
{
    if (seconds < 0)
        return g_strdup("-");
    if (seconds < 60)
        return g_strdup_printf("%ds", (int) seconds);
    if (seconds < 3600)
        return g_strdup_printf("%dm%02ds", (int) (seconds / 60),
                               (int) (seconds % 60));
    if (seconds < 86400)
        return g_strdup_printf("%dh%02dm", (int) (seconds / 3600),
                               (int) (seconds / 60 % 60));
    return g_strdup_printf("%dd%02dh", (int) (MIN(seconds, 86400000) / 86400),
                           (int) (seconds / 3600 % 24));
}
