#!/usr/bin/env python3
"""Does tests/count.py count what ran, and fail when it should? TAP."""
import json
import os
import subprocess
import sys
import tempfile

COUNT = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                     '../count.py')

# Name, tests of one log (name, result, stdout), last line, exit status.
CASES = (
    ('cases_are_counted_one_by_one',
     [('a', 'OK', 'ok 1 - x\nok 2 - y # SKIP no kvm\n1..2\n')],
     '1 passed, 0 failed, 1 skipped', 0),
    ('a_failed_case_fails',
     [('a', 'ERROR', 'ok 1 - x\nnot ok 2 - y\n1..2\n')],
     '1 passed, 1 failed, 0 skipped', 1),
    ('a_program_that_dies_after_its_cases_passed_fails',
     [('a', 'ERROR', 'ok 1 - x\n')], '1 passed, 1 failed, 0 skipped', 1),
    ('a_timeout_fails',
     [('a', 'TIMEOUT', 'ok 1 - x\n')], '1 passed, 1 failed, 0 skipped', 1),
    ('a_program_without_tap_is_one_case',
     [('a', 'OK', ''), ('b', 'FAIL', 'oops')],
     '1 passed, 1 failed, 0 skipped', 1),
    ('a_skipped_program_is_one_skip',
     [('a', 'OK', 'ok 1 - x\n'), ('b', 'SKIP', '1..0 # SKIP no kvm\n')],
     '1 passed, 0 failed, 1 skipped', 0),
    ('nothing_ran_fails', [], '0 passed, 0 failed, 0 skipped', 1),
)


def count(*logs):
    return subprocess.run([sys.executable, COUNT, *logs], capture_output=True,
                          text=True)


def main():
    failed = 0
    for n, (name, tests, last, status) in enumerate(CASES, 1):
        with tempfile.NamedTemporaryFile('w', suffix='.json') as log:
            for test in tests:
                log.write(json.dumps(dict(zip(
                    ('name', 'result', 'stdout'), test))) + '\n')
            log.flush()
            run = count(log.name)
        good = (run.stdout.rstrip().split('\n')[-1] == last and
                run.returncode == status and not run.stderr)
        failed += not good
        print(f'{"ok" if good else "not ok"} {n} - {name}')
        if not good:
            print(f'# status {run.returncode}: {run.stdout}{run.stderr}'
                  .replace('\n', '\n# '))
    n = len(CASES) + 1
    good = count('/nonexistent.json').returncode == 1
    print(f'{"ok" if good else "not ok"} {n} - a_missing_log_fails')
    print(f'1..{n}')
    return failed > 0 or not good


if __name__ == '__main__':
    sys.exit(main())
