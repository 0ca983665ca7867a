#!/usr/bin/env python3
"""Checks the rules of the house; prints TAP, one line a rule.

usage: lint.py [--build DIR] [ROOT [RULE...]]

Each rule is one function that yields (path, line, what) for every violation.
exceptions.txt names the few places that may break a rule, each with a reason;
an exception that matches nothing is itself a violation, so the list only
shrinks by being kept honest. tests/lint/test_lint.py plants one violation of
every kind and sees that it is found.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

FOLDERS = ('vmm', 'devices', 'profiles', 'passthrough-wizard', 'ui', 'app',
           'tests', 'share')

# Who may include whom: path prefixes of Carrel headers.
LAYERS = {
    'vmm': ('vmm/',),
    'devices': ('vmm/', 'devices/'),
    'profiles': ('profiles/',),
    'passthrough-wizard': ('passthrough-wizard/', 'profiles/'),
    'ui': ('ui/', 'profiles/', 'passthrough-wizard/', 'vmm/display/',
           'vmm/input/', 'vmm/char/', 'vmm/core/vm.h', 'vmm/core/error.h',
           'vmm/core/sysutil.h', 'vmm/types.h', 'vmm/annotate.h'),
}

# System header (regex) -> the folders that may know it. tests may use all.
SYSTEM_HEADERS = (
    (r'n?cursesw?/|n?curses\.h|term\.h|panel\.h|form\.h|menu\.h',
     ('ui/tui/', 'ui/widgets/', 'ui/screens/')),
    (r'rfb/', ('ui/vnc/',)),
    (r'gio/', ()),  # four libraries for what GLib has as well
    (r'linux/kvm', ('vmm/cpu/kvm/',)),
    (r'alsa/', ('vmm/audio/',)),
    (r'liburing', ('vmm/block/',)),
    (r'slirp/|libslirp', ('vmm/net/',)),
    (r'linux/vfio\.h', ('devices/vfio/',)),
    (r'libusb', ('devices/usb/', 'passthrough-wizard/')),
    (r'libudev', ('passthrough-wizard/',)),
    (r'seccomp|linux/landlock', ('app/',)),
    (r'CUnit/', ('tests/',)),
)

MAX_FUNCTION = 100
MAX_TABLE_FUNCTION = 150  # with an exception that says why
MAX_FILE = 1000

# Libraries where several machines share one process.
NO_GLOBALS = ('vmm', 'devices', 'profiles', 'passthrough-wizard')

LOCK_TYPES = r'(?:GMutex|GRWLock|GRecMutex|pthread_(?:mutex|rwlock|spinlock)_t)'


class Tree:
    """The files of one source tree, read once."""

    def __init__(self, root, build=None):
        self.root = root
        self.build = build
        self.paths = sorted(self._list())
        self._text = {}
        self._code = {}

    def _list(self):
        try:
            out = subprocess.run(
                ['git', '-C', self.root, 'ls-files', '-z', '--cached',
                 '--others', '--exclude-standard'],
                capture_output=True, check=True).stdout
            top = subprocess.run(
                ['git', '-C', self.root, 'rev-parse', '--show-toplevel'],
                capture_output=True, check=True, text=True).stdout.strip()
            if os.path.realpath(top) == os.path.realpath(self.root):
                return [p for p in out.decode().split('\0')
                        if p and os.path.isfile(os.path.join(self.root, p))]
        except (OSError, subprocess.CalledProcessError):
            pass
        found = []
        for base, dirs, files in os.walk(self.root):
            dirs[:] = [d for d in dirs if not d.startswith(('.git', 'build'))]
            found += [os.path.relpath(os.path.join(base, f), self.root)
                      for f in files]
        return found

    def text(self, path):
        if path not in self._text:
            with open(os.path.join(self.root, path), encoding='utf-8',
                      errors='replace') as f:
                self._text[path] = f.read()
        return self._text[path]

    def code(self, path):
        """The text with comments and literals blanked, line for line."""
        if path not in self._code:
            self._code[path] = blank(self.text(path))
        return self._code[path]

    def c_files(self, *folders):
        return [p for p in self.paths if p.endswith(('.c', '.h')) and
                p.split('/')[0] in (folders or FOLDERS)]


TOKENS = re.compile(
    r'/\*.*?(?:\*/|\Z)|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.S)


def blank(text):
    """Comments and literals become spaces; includes keep their names."""
    def spaces(match):
        start = text.rfind('\n', 0, match.start()) + 1
        if text.startswith('#include', start) and match[0][0] == '"':
            return match[0]
        return re.sub(r'[^\n]', ' ', match[0])
    return TOKENS.sub(spaces, text)


def line_of(text, offset):
    return text.count('\n', 0, offset) + 1


def includes(tree, path):
    """(line, quoted, name) of each #include."""
    for m in re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]',
                         tree.code(path), re.M):
        yield line_of(tree.code(path), m.start()), m[1] == '"', m[2]


# --- the rules ------------------------------------------------------------

def layers(tree):
    """a folder includes only what its layer may know"""
    for path in tree.c_files(*LAYERS):
        allowed = LAYERS[path.split('/')[0]]
        for line, quoted, name in includes(tree, path):
            if quoted and not name.startswith(allowed):
                yield path, line, f'may not include "{name}"'


def system_headers(tree):
    """system libraries stay in their folder"""
    for path in tree.c_files():
        if path.startswith('tests/'):
            continue
        for line, quoted, name in includes(tree, path):
            for pattern, homes in SYSTEM_HEADERS:
                if (not quoted and re.match(pattern, name) and
                        not path.startswith(homes)):
                    yield path, line, \
                        f'<{name}> belongs to {", ".join(homes)}'


def circular_includes(tree):
    """no header includes itself through others"""
    headers = [p for p in tree.c_files() if p.endswith('.h')]
    graph = {p: [n for _, q, n in includes(tree, p) if q and n in headers]
             for p in headers}
    done = set()

    def walk(path, trail):
        if path in trail:
            yield path, 1, ' -> '.join(trail[trail.index(path):] + [path])
            return
        if path in done:
            return
        for nxt in graph[path]:
            yield from walk(nxt, trail + [path])
        done.add(path)

    for path in headers:
        yield from walk(path, [])


def own_include_first(tree):
    """a .c file includes its own header first; headers say pragma once"""
    for path in tree.c_files():
        if path.endswith('.h'):
            if '#pragma once' not in tree.code(path):
                yield path, 1, 'no #pragma once'
            continue
        own = path[:-2] + '.h'
        listed = list(includes(tree, path))
        if own in tree.paths and listed and not (
                listed[0][2] == own or listed[0][2].endswith('-internal.h')):
            yield path, listed[0][0], f'include "{own}" first'


def opening_comment(tree):
    """a file opens by saying what it is"""
    for path in tree.c_files():
        if not tree.text(path).lstrip().startswith('/*'):
            yield path, 1, 'no opening comment'


def functions(tree, path):
    """(name, line, length) of each defined function: name at column 0."""
    lines = tree.code(path).split('\n')
    i = 0
    while i < len(lines):
        m = re.match(r'([A-Za-z_]\w*)\(', lines[i])
        if m:
            j = i
            while j < len(lines) and not re.search(r'[;{]', lines[j]):
                j += 1
            if j < len(lines) and lines[j].startswith('{'):
                end = j
                while end < len(lines) and not lines[end].startswith('}'):
                    end += 1
                yield m[1], i + 1, end - i + 1
                i = end
        i += 1


def function_length(tree):
    """no function over 100 lines (150 for a table, by exception)"""
    for path in tree.c_files():
        if not path.endswith('.c'):
            continue
        for name, line, length in functions(tree, path):
            if length > MAX_FUNCTION:
                what = f'{name}() has {length} lines'
                hard = '' if length <= MAX_TABLE_FUNCTION else '!'
                yield f'{path}:{name}{hard}', line, what


def file_length(tree):
    """no file over 1000 lines"""
    for path in tree.c_files():
        n = tree.text(path).count('\n')
        if n > MAX_FILE:
            yield path, 1, f'{n} lines'


def lock_comments(tree):
    """every lock says its level and what it guards"""
    field = re.compile(
        rf'^[ \t]+(?:static[ \t]+)?{LOCK_TYPES}[ \t]+(\w+)[^;()*]*;', re.M)
    for path in tree.c_files():
        if path.startswith('tests/'):
            continue
        text, code = tree.text(path).split('\n'), tree.code(path)
        for m in field.finditer(code):
            line = line_of(code, m.start(1))
            near = ' '.join(text[max(0, line - 3):line + 1])
            here = text[line - 1] + (text[line] if line < len(text) else '')
            before = near.split(text[line - 1])[0]
            if not (re.search(r'/\* L[0-3] guards \w', here) or
                    re.search(r'/\* L[0-3] guards \w[^;]*\*/\s*$', before)):
                yield path, line, \
                    f'{m[1]}: say /* L1 guards ... */, or another level'


def globals_rule(tree):
    """no mutable file-scope variable where machines share a process"""
    if not tree.build:
        return
    seen = 0
    for folder in NO_GLOBALS:
        for base, _, files in os.walk(os.path.join(tree.build, folder)):
            for f in sorted(files):
                if f.endswith('.o'):
                    seen += 1
                    yield from mutable_objects(folder, base, f)
    if seen == 0:
        yield tree.build, 1, 'no object files: build first'


# G_DEFINE_QUARK's own static, and what sanitizers and coverage add.
HARMLESS = re.compile(r'q\.\d+$|q$|__|\.L|\.str|asan|_ZN')


def mutable_objects(folder, base, name):
    out = subprocess.run(['objdump', '-t', os.path.join(base, name)],
                         capture_output=True, text=True, check=True).stdout
    source = f'{folder}/{name[:-2].replace("_", "/")}'
    for row in out.split('\n'):
        m = re.match(
            r'[0-9a-f]+ (.{7}) (\S+)\t[0-9a-f]+\s+(?:\.hidden )?(\S+)$', row)
        if not m or 'O' not in m[1]:
            continue
        section, symbol = m[2], m[3]
        if (re.match(r'\.(data|bss)(\.|$)|\*COM\*', section) and
                not section.startswith('.data.rel.ro') and
                not HARMLESS.match(symbol)):
            plain = re.sub(r'\.\d+$', '', symbol)
            yield f'{source}:{plain}', 1, f'{symbol} is in {section}'


def registry_names(tree):
    """class name = file name, and each class has its unit test"""
    path = 'devices/registry.c'
    if path not in tree.paths:
        return
    code = tree.code(path)
    sources = [p for p in tree.c_files('devices') if p.endswith('.c')]
    names = {}
    for m in re.finditer(r'&(\w+_class)\b', code):
        line = line_of(code, m.start())
        home = next((p for p in sources if re.search(
            rf'^const DeviceClass {m[1]} = {{', tree.code(p), re.M)), None)
        if not home:
            yield path, line, f'{m[1]} is defined nowhere'
            continue
        body = tree.text(home).split(f'const DeviceClass {m[1]} =')[1]
        named = re.search(r'\.name = "([^"]*)"', body)
        name = named[1] if named else '?'
        if name in names:
            yield path, line, f'"{name}" is the name of two classes'
        names[name] = home
        if os.path.basename(home) != name + '.c':
            yield f'{home}:{name}', line, f'class "{name}" lives in {home}'
        if f'tests/unit/test-{name}.c' not in tree.paths:
            yield f'tests/unit/test-{name}.c', line, \
                f'class "{name}" has no unit test of its name'


def listed_sources(tree):
    """every source is built: some meson.build above it names it"""
    for path in tree.c_files():
        if not path.endswith('.c'):
            continue
        name = re.sub(r'^(?:test|fuzz)-', '', os.path.basename(path)[:-2])
        folder = os.path.dirname(path)
        while True:
            build = os.path.join(folder, 'meson.build')
            rest = re.escape(os.path.relpath(path, folder or '.'))
            if build in tree.paths and re.search(
                    rf"'(?:{rest}|{re.escape(name)})'", tree.text(build)):
                break
            if not folder:
                yield path, 1, 'no meson.build names it'
                break
            folder = os.path.dirname(folder)


def lab_quick(tree):
    """a host test that needs a processor is in the lab's quick list"""
    builds = {p: tree.text(p) if p in tree.paths else '' for p in (
        'tests/host/meson.build', 'tests/lab/meson.build')}
    listed, quick = builds.values()
    quick = quick.partition('lab_full_tests')[0]
    for path in tree.paths:
        name = os.path.basename(path)
        if not re.fullmatch(r'tests/host/[^/]+\.sh', path) or not re.search(
                r'^need_processor$', tree.text(path), re.M):
            continue
        for m in re.finditer(rf"\['{name}'(?:, '([^']*)')?\]", listed):
            row = f'host/{name}' + (f':{m[1]}' if m[1] else '')
            if f"'{row}'" not in quick:
                yield path, 1, f"'{row}' is not in tests/lab/meson.build"


def formatting(tree):
    """clang-format has nothing to change"""
    tool = shutil.which('clang-format-14') or shutil.which('clang-format')
    if not tool:
        raise Skip('clang-format is not installed')
    version = subprocess.run([tool, '--version'], capture_output=True,
                             text=True).stdout
    if ' 14.' not in version:
        raise Skip('the style is that of clang-format 14')
    files = tree.c_files()
    if not files:
        return
    out = subprocess.run([tool, '--dry-run', '--style=file'] + files,
                         cwd=tree.root, capture_output=True, text=True).stderr
    last = None
    for m in re.finditer(r'^([^:\n]+):(\d+):\d+: (?:warning|error)', out,
                         re.M):
        if m[1] != last:
            yield m[1], int(m[2]), 'run clang-format -i'
        last = m[1]


def line_comments(tree):
    """no // comment"""
    for path in tree.c_files():
        text = tree.text(path)
        for m in TOKENS.finditer(text):
            if m[0].startswith('//'):
                yield path, line_of(text, m.start()), 'use /* */'


def todo(tree):
    """TODO only with its number: TODO(#12)"""
    word = re.compile(r'\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))')
    for path in tree.paths:
        if path.startswith('tests/lint/') or not path.endswith(
                ('.c', '.h', '.sh', '.build', '.py', '.S', '.ini')):
            continue
        for m in word.finditer(tree.text(path)):
            yield path, line_of(tree.text(path), m.start()), m[0]


def stands_alone(tree):
    """the project names nothing outside itself"""
    word = re.compile(r'\.\./shared\b|(?<![\w.])/(?:work|farm)/')
    for path in tree.paths:
        if path.startswith(('.ci/', 'tests/lint/')):
            continue
        text = tree.text(path) if not path.endswith(
            ('.png', '.img', '.bin')) and '/seeds/' not in path else ''
        for m in word.finditer(text):
            yield path, line_of(text, m.start()), m[0]


RULES = {
    'layers': layers,
    'system-headers': system_headers,
    'circular-includes': circular_includes,
    'own-include-first': own_include_first,
    'opening-comment': opening_comment,
    'function-length': function_length,
    'file-length': file_length,
    'lock-comments': lock_comments,
    'globals': globals_rule,
    'registry-names': registry_names,
    'listed-sources': listed_sources,
    'lab-quick': lab_quick,
    'formatting': formatting,
    'line-comments': line_comments,
    'todo': todo,
    'stands-alone': stands_alone,
}


class Skip(Exception):
    pass


class Exceptions:
    """exceptions.txt: RULE PLACE REASON..., # starts a comment."""

    def __init__(self, root):
        self.rows = {}
        self.used = set()
        self.bad = []
        path = os.path.join(root, 'tests/lint/exceptions.txt')
        if not os.path.exists(path):
            return
        with open(path, encoding='utf-8') as f:
            for n, row in enumerate(f, 1):
                words = row.split('#')[0].split(None, 2)
                if not words:
                    continue
                if (len(words) < 3 or words[0] not in RULES or
                        words[1].endswith('!')):
                    self.bad.append((n, row.strip()))
                else:
                    self.rows[words[0], words[1]] = n

    def covers(self, rule, place):
        key = rule, place
        if key in self.rows:
            self.used.add(key)
        return key in self.rows

    def stale(self, rules):
        for n, row in self.bad:
            yield n, f'not RULE PLACE REASON: {row}'
        for key, n in self.rows.items():
            if key not in self.used and key[0] in rules:
                yield n, f'{key[0]} {key[1]} is not needed any more'


def run_rule(tree, name, exceptions):
    """(violations, skip reason)"""
    try:
        return [(place, line, what) for place, line, what in RULES[name](tree)
                if not exceptions.covers(name, place)], None
    except Skip as skip:
        return [], str(skip)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--build', help='build directory, for the object rule')
    parser.add_argument('root', nargs='?', default='.')
    parser.add_argument('rules', nargs='*', metavar='RULE')
    args = parser.parse_args(argv)
    tree = Tree(args.root, args.build)
    exceptions = Exceptions(args.root)
    rules = args.rules or [r for r in RULES if r != 'globals' or args.build]
    failed = False
    skipped = set()
    for n, name in enumerate(rules, 1):
        found, skip = run_rule(tree, name, exceptions)
        failed |= bool(found)
        doc = RULES[name].__doc__
        print(f'{"not ok" if found else "ok"} {n} - {name}: {doc}' +
              (f' # SKIP {skip}' if skip else ''))
        if skip:
            skipped.add(name)
        for place, line, what in found:
            print(f'# {place}:{line}: {what}')
    stale = list(exceptions.stale(set(rules) - skipped))
    failed |= bool(stale)
    print(f'{"not ok" if stale else "ok"} {len(rules) + 1} - exceptions: '
          'each has a reason and is needed')
    for line, what in stale:
        print(f'# tests/lint/exceptions.txt:{line}: {what}')
    print(f'1..{len(rules) + 1}')
    return failed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
