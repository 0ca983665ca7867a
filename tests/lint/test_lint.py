#!/usr/bin/env python3
"""Plants one violation of every kind and sees that lint.py finds it; TAP."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

OPEN = '/* x - a planted file. */\n'
LOCKED = OPEN + '#pragma once\nstruct S {\n    GMutex lock;%s\n    int a;\n};\n'
REGISTRY = OPEN + 'static const DeviceClass *const t[] = {&foo_class};\n'
CLASS = OPEN + 'const DeviceClass foo_class = {\n    .name = "%s",\n};\n'


def function(lines):
    return OPEN + 'void\nf(void)\n{\n' + '    g();\n' * lines + '}\n'


# Rule, files, what the report must hold (None: the rule must be content).
CASES = (
    ('layers', {'vmm/a.c': OPEN + '#include "devices/b.h"\n'}, 'devices/b.h'),
    ('layers', {'profiles/a.c': OPEN + '#include "vmm/types.h"\n'}, 'vmm/ty'),
    ('layers', {'ui/a.c': OPEN + '#include "vmm/cpu/cpu.h"\n'}, 'cpu.h'),
    ('layers', {'devices/a.c': OPEN + '#include "vmm/types.h"\n'}, None),
    ('system-headers', {'app/a.c': OPEN + '#include <linux/kvm.h>\n'}, 'kvm'),
    ('system-headers', {'ui/vnc/a.c': OPEN + '#include <curses.h>\n'}, 'curs'),
    ('system-headers', {'ui/tui/a.c': OPEN + '#include <curses.h>\n'}, None),
    ('system-headers', {'app/a.c': OPEN + '#include <rfb/rfb.h>\n'}, 'rfb'),
    ('system-headers', {'vmm/io/a.c': OPEN + '#include <liburing.h>\n'},
     'liburing'),
    ('circular-includes', {
        'vmm/a.h': OPEN + '#pragma once\n#include "vmm/b.h"\n',
        'vmm/b.h': OPEN + '#pragma once\n#include "vmm/a.h"\n'},
     'vmm/a.h -> vmm/b.h -> vmm/a.h'),
    ('own-include-first', {
        'vmm/a.h': OPEN + '#pragma once\n',
        'vmm/a.c': OPEN + '#include <glib.h>\n\n#include "vmm/a.h"\n'},
     'first'),
    ('own-include-first', {'vmm/a.h': OPEN}, 'pragma once'),
    ('opening-comment', {'vmm/a.c': 'int a(void);\n'}, 'no opening comment'),
    ('function-length', {'vmm/a.c': function(98)}, 'f() has 101 lines'),
    ('function-length', {'vmm/a.c': function(97)}, None),
    ('function-length', {
        'vmm/a.c': function(120),
        'tests/lint/exceptions.txt': 'function-length vmm/a.c:f a table\n'},
     None),
    ('function-length', {
        'vmm/a.c': function(160),
        'tests/lint/exceptions.txt': 'function-length vmm/a.c:f a table\n'},
     'f() has 163 lines'),
    ('file-length', {'vmm/a.c': OPEN + '\n' * 1000}, '1001 lines'),
    ('lock-comments', {'vmm/a.h': LOCKED % ''}, 'lock: say'),
    ('lock-comments', {'vmm/a.h': LOCKED % ' /* the lock */'}, 'lock: say'),
    ('lock-comments', {'vmm/a.h': LOCKED % ' /* L1 guards a */'}, None),
    ('registry-names', {
        'devices/registry.c': REGISTRY, 'devices/foo.c': CLASS % 'foo',
        'tests/unit/test-foo.c': OPEN}, None),
    ('registry-names', {
        'devices/registry.c': REGISTRY, 'devices/foo.c': CLASS % 'bar',
        'tests/unit/test-bar.c': OPEN}, 'class "bar" lives in devices/foo.c'),
    ('registry-names', {
        'devices/registry.c': REGISTRY, 'devices/foo.c': CLASS % 'foo'},
     'no unit test'),
    ('registry-names', {'devices/registry.c': REGISTRY}, 'defined nowhere'),
    ('listed-sources', {
        'vmm/meson.build': "s = files('io/b.c')\n", 'vmm/io/a.c': OPEN,
        'vmm/io/b.c': OPEN}, 'vmm/io/a.c'),
    ('listed-sources', {
        'tests/unit/meson.build': "t = {\n  'a': [],\n}\n",
        'tests/unit/test-a.c': OPEN}, None),
    ('formatting', {'vmm/a.c': OPEN + 'int  a(void) { return 1; }\n'},
     'clang-format'),
    ('line-comments', {'vmm/a.c': OPEN + 'int a; // why\n'}, 'use /* */'),
    ('line-comments', {'vmm/a.c': OPEN + 'char *a = "http://x";\n'}, None),
    ('todo', {'vmm/a.c': OPEN + '/* TO' 'DO: later */\n'}, 'TO' 'DO'),
    ('todo', {'vmm/a.c': OPEN + '/* TO' 'DO(#7): later */\n'}, None),
    ('stands-alone', {'share/a.sh': 'cat ../' 'shared/x\n'}, 'shared'),
    ('stands-alone', {'.ci/run': 'cat ../' 'shared/x\n'}, None),
    ('lab-quick', {'tests/host/a.sh': 'need_processor\n',
                   'tests/host/meson.build': "'a-x': ['a.sh', 'x'],\n",
                   'tests/lab/meson.build': "'host/a.sh:y'\nlab_full_tests\n"
                                            "'host/a.sh:x'\n"}, 'host/a.sh:x'),
    ('lab-quick', {'tests/host/a.sh': 'need_processor\n',
                   'tests/host/meson.build': "'a': ['a.sh'],\n",
                   'tests/lab/meson.build': "'host/a.sh'\n"}, None),
    ('layers', {'vmm/a.c': OPEN,
                'tests/lint/exceptions.txt': 'layers vmm/a.c no reason now\n'},
     'is not needed any more'),
    ('layers', {'vmm/a.c': OPEN, 'tests/lint/exceptions.txt': 'layers x\n'},
     'not RULE PLACE REASON'),
)

GLOBALS = (
    ('int counter = 1;', 'counter is in .data'),
    ('int f(void);\nint f(void) { static int n; return n++; }', 'is in .bss'),
    ('const int limit = 1;\nconst char *const names[] = {"a"};', None),
    ('_Thread_local int per_thread = 1;', None),
)


def lint(root, rule, *options):
    return subprocess.run(
        [sys.executable, os.path.join(HERE, 'lint.py'), *options, root, rule],
        capture_output=True, text=True)


def plant(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as f:
            f.write(text)
    shutil.copy(os.path.join(HERE, '../../.clang-format'), root)


def judge(run, want):
    """'' or what is wrong with the linter's answer."""
    if '# SKIP' in run.stdout:
        return 'SKIP'
    if run.stderr:
        return run.stderr
    if want is None:
        return '' if run.returncode == 0 else 'complained: ' + run.stdout
    if run.returncode == 0 or want not in run.stdout:
        return f'did not find "{want}": ' + run.stdout
    return ''


def check_source(rule, files, want):
    with tempfile.TemporaryDirectory() as root:
        plant(root, files)
        return judge(lint(root, rule), want)


def check_object(source, want):
    compiler = shutil.which('cc') or shutil.which('gcc')
    with tempfile.TemporaryDirectory() as root:
        plant(root, {'b/vmm/x.p/core_a.c': source + '\n'})
        base = os.path.join(root, 'b/vmm/x.p/core_a.c')
        subprocess.run([compiler, '-fPIE', '-c', base, '-o', base + '.o'],
                       check=True)
        return judge(lint(root, 'globals', '--build',
                          os.path.join(root, 'b')), want)


def main():
    runs = [(f'{rule}: ' + (f'finds {want}' if want else 'accepts ' +
                            ', '.join(files)),
             lambda r=rule, f=files, w=want: check_source(r, f, w))
            for rule, files, want in CASES]
    runs += [('globals: ' + (f'finds {want}' if want else 'accepts a const'),
              lambda s=source, w=want: check_object(s, w))
             for source, want in GLOBALS]
    failed = 0
    for n, (name, run) in enumerate(runs, 1):
        wrong = run()
        name = re.sub(r'[#\n]', '', name)
        if wrong == 'SKIP':
            print(f'ok {n} - {name} # SKIP no tool for this rule')
            continue
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {n} - {name}')
        for line in wrong.rstrip().split('\n') if wrong else ():
            print(f'# {line}')
    print(f'1..{len(runs)}')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
