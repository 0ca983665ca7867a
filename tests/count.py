#!/usr/bin/env python3
"""count.py LOG.json... - sums Meson's test logs, TAP cases one by one.

Names what failed, what passed only at its second try ("# UNSTEADY: WHAT" in a
program's output) and what was skipped and why; the last line is
"N passed, N failed, N skipped". Fails when a case failed, when a program
ended badly although its cases passed, when a log is missing, or when nothing
ran at all.
"""
import json
import re
import sys

CASE = re.compile(r'^\s*(not )?ok\b\s*\d*\s*-?\s*([^#\n]*)(?:#\s*(\w+)\s*(.*))?',
                  re.M)
UNSTEADY = re.compile(r'^# UNSTEADY: (.*)$', re.M)


class Count:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = {}
        self.unsteady = []

    def skip(self, name, reason):
        self.skipped.setdefault(reason.strip() or 'no reason given',
                                []).append(name)

    def add(self, test):
        name, result = test['name'], test['result']
        before = len(self.failed)
        cases = list(CASE.finditer(test.get('stdout') or ''))
        self.unsteady += [f'{name}: {m[1]}' for m in
                          UNSTEADY.finditer(test.get('stdout') or '')]
        for m in cases:
            case = f'{name}: {m[2].strip()}'
            if (m[3] or '').upper() == 'SKIP':
                self.skip(case, m[4])
            elif m[1]:
                self.failed.append(case)
            else:
                self.passed += 1
        if result == 'SKIP' and not cases:
            said = (test.get('stdout') or '').strip()
            self.skip(name, said.split('# SKIP')[-1][-200:])
        elif result == 'OK' and not cases:
            self.passed += 1
        elif (result not in ('OK', 'SKIP', 'EXPECTEDFAIL') and
              len(self.failed) == before):
            self.failed.append(f'{name}: {result.lower()}')


def main(logs):
    count = Count()
    for log in logs:
        try:
            with open(log, encoding='utf-8') as f:
                for line in f:
                    count.add(json.loads(line))
        except OSError as error:
            count.failed.append(f'{log}: no such log ({error.strerror})')
    for reason, names in count.skipped.items():
        print(f'skipped: {reason}: {len(names)} '
              f'({names[0]}{", ..." if len(names) > 1 else ""})')
    for name in count.unsteady:
        print(f'unsteady: {name}')
    for name in count.failed:
        print(f'failed: {name}')
    skipped = sum(map(len, count.skipped.values()))
    print(f'{count.passed} passed, {len(count.failed)} failed, '
          f'{skipped} skipped')
    return bool(count.failed) or count.passed == 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
