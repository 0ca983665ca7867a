#!/usr/bin/env python3
"""Every host of tests/data/hosts through doctor and passthrough list, groups
and explain, as text and as JSON, against the answers in golden/. Prints TAP.

usage: golden.py CARREL HOSTS-FOLDER

CARREL_UPDATE_GOLDEN=1 writes the answers instead; read the difference before
it is committed.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'golden')

# The only graphics card, which can go with the console.
CONSOLES = {'single-gpu.host': ['03:00.0'], 'no-virtualization.host': ['03:00.0']}


def run(program, host, *words):
    """What was printed, and the exit code, as one text."""
    done = subprocess.run([program, *words, '--root', host], text=True,
                          capture_output=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    name = os.path.basename(host)
    text = f'$ carrel {" ".join(words)} --root {name}\n{done.stdout}'
    if done.stderr:
        text += done.stderr.replace(host, name)
    return done, text + f'[exit {done.returncode}]\n\n'


def addresses(program, host):
    done, _ = run(program, host, 'passthrough', 'list', '--json')
    return [f['address'] for f in json.loads(done.stdout)]


def answers(program, host):
    text = run(program, host, 'doctor')[1]
    text += run(program, host, 'doctor', '--fix', '--user=1000')[1]
    text += run(program, host, 'passthrough', 'list')[1]
    text += run(program, host, 'passthrough', 'groups')[1]
    for address in addresses(program, host):
        text += run(program, host, 'passthrough', 'explain', address)[1]
    text += run(program, host, 'passthrough', 'vf', 'list')[1]
    for address in CONSOLES.get(os.path.basename(host), ()):
        text += run(program, host, 'passthrough', 'plan', address)[1]
        text += run(program, host, 'passthrough', 'plan', address,
                    '--console')[1]
    return text


def pretty(program, host, *words):
    done, text = run(program, host, *words, '--json')
    out = done.stdout or done.stderr
    value = json.loads(out)  # must be one JSON value, whatever happened
    return (text.splitlines()[0] + '\n' +
            json.dumps(value, indent=1, ensure_ascii=False) +
            f'\n[exit {done.returncode}]\n')


def json_answers(program, host):
    text = ''.join(pretty(program, host, *words) for words in (
        ('doctor',), ('passthrough', 'groups'),
        ('passthrough', 'list', '--all')))
    for address in addresses(program, host):
        done, _ = run(program, host, 'passthrough', 'explain', address, '--json')
        one = json.loads(done.stdout)
        text += f'{one["address"]} {one["verdict"]["kind"]} {done.returncode}\n'
    return text


def compare(path, text):
    """None, or what is wrong."""
    if os.environ.get('CARREL_UPDATE_GOLDEN') == '1':
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        return None
    if not os.path.exists(path):
        return 'there is no golden file ' + path
    with open(path, encoding='utf-8') as f:
        want = f.read()
    if want == text:
        return None
    with tempfile.NamedTemporaryFile('w', suffix='.txt', encoding='utf-8') as f:
        f.write(text)
        f.flush()
        diff = subprocess.run(['diff', '-u', path, f.name], text=True,
                              capture_output=True, check=False).stdout
    return '\n'.join(diff.splitlines()[:60])


def main():
    program, folder = sys.argv[1], sys.argv[2]
    hosts = sorted(glob.glob(os.path.join(folder, '*.host')))
    failed, n = 0, 0
    for host in hosts:
        name = os.path.basename(host)[:-len('.host')]
        for kind, make in (('txt', answers), ('json', json_answers)):
            n += 1
            wrong = compare(os.path.join(GOLDEN, f'{name}.{kind}'),
                            make(program, host))
            print(f'{"not ok" if wrong else "ok"} {n} - {name} {kind}')
            if wrong:
                failed += 1
                print('\n'.join('# ' + line for line in wrong.splitlines()))
    print(f'1..{n}')
    return 1 if failed or n == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
