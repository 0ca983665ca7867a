#!/usr/bin/env python3
"""What changes the host is shown and asked for first, and becomes root by sudo
or pkexec: on a terminal and without one, with programs of those names that
write down how they were called. Prints TAP.

usage: ask.py CARREL HOSTS-FOLDER
"""
import json
import os
import pty
import pwd
import select
import shutil
import subprocess
import sys
import tempfile

CARREL, HOSTS = sys.argv[1], sys.argv[2]
NOBODY = 65534
NOT_FOUND, STATE, PRIVILEGE = 3, 4, 5  # app/exit-codes.h
cases = []


def case(function):
    cases.append(function)
    return function


def somebody():
    """A user of this host who is not root: name and number."""
    user = next(u for u in pwd.getpwall() if 0 < u.pw_uid < NOBODY)
    return user.pw_name, user.pw_uid


class Place:
    """A folder with a journal of one change in force, and a search path."""

    def __init__(self, programs):
        self.dir = tempfile.mkdtemp(prefix='carrel-ask-')
        self.log = os.path.join(self.dir, 'called')
        os.mkdir(os.path.join(self.dir, 'bin'))
        for name in programs:
            path = os.path.join(self.dir, 'bin', name)
            with open(path, 'w', encoding='utf-8') as f:
                f.write(f'#!/bin/sh\necho {name} "$@" >>{self.log}\nexit 3\n')
            os.chmod(path, 0o755)
        lines = [
            {'id': 7, 'time': 1, 'state': 'begun', 'action': 'passthrough',
             'name': 'bind 0000:01:00.0'},
            {'id': 7, 'step': 1, 'kind': 'driver', 'target': '0000:01:00.0',
             'before': 'radeon', 'after': ''},
            {'id': 7, 'step': 1, 'state': 'done'},
            {'id': 7, 'state': 'done', 'undoes': 0}]
        with open(os.path.join(self.dir, 'helper.jsonl'), 'w',
                  encoding='utf-8') as f:
            f.writelines(json.dumps(line) + '\n' for line in lines)
        os.chmod(self.dir, 0o777)
        self.env = {'PATH': os.path.join(self.dir, 'bin'), 'HOME': self.dir,
                    'CARREL_HELPER_DIR': self.dir, 'NO_COLOR': '1',
                    'TERM': 'dumb'}
        # A program that nobody but root may reach cannot be run by others.
        self.carrel = os.path.join(self.dir, 'carrel')
        shutil.copy(CARREL, self.carrel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def called(self):
        if not os.path.exists(self.log):
            return ''
        with open(self.log, encoding='utf-8') as f:
            return f.read().replace(self.carrel, 'CARREL')

    @staticmethod
    def drop():
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    def run(self, *words, verb='passthrough', **env):
        """Without a terminal: status and all that was printed."""
        done = subprocess.run(
            [self.carrel, verb, *words], env={**self.env, **env},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
            preexec_fn=self.drop)
        return done.returncode, done.stdout

    def on_terminal(self, answer, *words, **env):
        pid, fd = pty.fork()
        if pid == 0:
            self.drop()
            os.execve(self.carrel, ['carrel', 'passthrough', *words],
                      {**self.env, **env})
        text, sent = b'', False
        while select.select([fd], [], [], 60)[0]:
            try:
                piece = os.read(fd, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            text += piece
            if b'[y/N] ' in text and not sent:
                os.write(fd, answer.encode() + b'\n')
                sent = True
        _, status = os.waitpid(pid, 0)
        os.close(fd)
        return os.waitstatus_to_exitcode(status), text.decode()


@case
def undo_shows_and_asks_on_a_terminal():
    with Place(['sudo']) as place:
        status, text = place.on_terminal('n', 'undo')
        assert 'change 7 (bind 0000:01:00.0)' in text, text
        assert 'drivers/radeon/bind' in text, text
        assert 'Take this back?' in text, text
        assert status == STATE, status
        assert place.called() == '', place.called()


@case
def undo_that_was_agreed_to_becomes_root_by_sudo():
    with Place(['sudo', 'pkexec']) as place:
        status, text = place.on_terminal('y', 'undo', DISPLAY=':0')
        assert place.called() == 'sudo CARREL passthrough undo 7 --yes\n', \
            place.called() + text
        assert status == 3, status  # what sudo's program said


@case
def without_a_terminal_nothing_is_agreed_to():
    with Place(['sudo']) as place:
        status, text = place.run('undo')
        assert status == STATE, status
        assert '--yes' in text, text
        assert place.called() == '', place.called()


@case
def a_script_says_yes():
    with Place(['sudo']) as place:
        status, text = place.run('undo', '--all', '--yes')
        assert status == 3, text
        assert place.called() == 'sudo CARREL passthrough undo --all --yes\n', \
            place.called()


@case
def a_desktop_without_a_terminal_asks_by_pkexec():
    with Place(['sudo', 'pkexec']) as place:
        place.run('undo', '--yes', WAYLAND_DISPLAY='wayland-0')
        assert place.called().startswith('pkexec CARREL passthrough undo 7'), \
            place.called()


@case
def pkexec_where_there_is_no_sudo():
    with Place(['pkexec']) as place:
        place.on_terminal('y', 'undo')
        assert place.called().startswith('pkexec CARREL passthrough undo 7'), \
            place.called()


@case
def neither_names_the_command_for_root():
    with Place([]) as place:
        status, text = place.run('undo', '--yes')
        assert status == PRIVILEGE, status
        assert 'passthrough undo 7 --yes' in text, text


@case
def usb_devices_are_set_up_for_who_asks():
    with Place(['sudo']) as place:
        place.run('setup', '046d:c52b', '--yes', verb='usb')
        user = NOBODY if os.getuid() == 0 else os.getuid()
        start = f'sudo CARREL usb setup 046d:c52b --user={user} --yes --expect='
        assert place.called().startswith(start), place.called()


@case
def usb_devices_are_set_up_for_a_user_by_name():
    name, uid = somebody()
    with Place(['sudo']) as place:
        place.run('setup', '046d:c52b', f'--user={name}', '--yes', verb='usb')
        start = f'sudo CARREL usb setup 046d:c52b --user={uid} --yes --expect='
        assert place.called().startswith(start), place.called()


@case
def a_plan_for_a_name_is_the_one_for_its_number():
    name, uid = somebody()
    host = os.path.join(HOSTS, 'lab-dirty.host')
    with Place([]) as place:
        copy = shutil.copy(host, place.dir)
        status, by_name = place.run('plan', '04:00.0', f'--user={name}',
                                    CARREL_HOST_ROOT=copy)
        _, by_number = place.run('plan', '04:00.0', f'--user={uid}',
                                 CARREL_HOST_ROOT=copy)
        _, of_another = place.run('plan', '04:00.0', f'--user={uid + 1}',
                                  CARREL_HOST_ROOT=copy)
        assert status == 0, by_name
        assert by_name == by_number, by_name + by_number
        assert by_name != of_another, by_name


@case
def a_user_who_is_not_there_is_named():
    for words, verb in ((['setup'], 'usb'),
                        (['plan', '04:00.0'], 'passthrough'),
                        (['tap-create', 'cr0a1b2c3d-0', '--bridge=br0'],
                         'helper'),
                        (['--fix'], 'doctor')):
        for name in ('no-such-user', '', '-5'):
            with Place(['sudo']) as place:
                status, text = place.run(*words, f'--user={name}', verb=verb)
                assert status == NOT_FOUND, (verb, name, status, text)
                assert f"--user: there is no user '{name}'" in text, text
                assert place.called() == '', place.called()


@case
def the_doctor_hands_over_what_it_was_asked_for():
    with Place(['sudo']) as place:
        place.run('--fix', '--only=memlock', '--yes', verb='doctor')
        user = NOBODY if os.getuid() == 0 else os.getuid()
        start = ('sudo CARREL doctor --fix --only=memlock '
                 f'--user={user} --memory=')
        assert place.called().startswith(start), place.called()
        assert ' --yes --expect=' in place.called(), place.called()


@case
def a_dry_run_shows_only():
    with Place(['sudo']) as place:
        status, text = place.run('undo', '--dry-run')
        assert status == 0, text
        assert 'drivers/radeon/bind' in text, text
        assert place.called() == '', place.called()


@case
def a_rehearsal_shows_and_asks():
    host = os.path.join(HOSTS, 'lab-dirty.host')
    with Place(['sudo']) as place:
        copy = shutil.copy(host, place.dir)
        status, text = place.on_terminal('n', 'rehearse', '04:00.0',
                                         CARREL_HOST_ROOT=copy)
        assert 'take it back at once?' in text, text
        assert 'driver_override' in text, text
        assert status == STATE, status
        assert place.called() == '', place.called()


@case
def the_environment_names_a_recorded_host():
    host = os.path.join(HOSTS, 'twin-gpus.host')
    with Place([]) as place:
        copy = shutil.copy(host, place.dir)
        by_option = place.run('list', '--root', copy)
        assert by_option[0] == 0 and 'VERDICT' in by_option[1], by_option
        assert place.run('list', CARREL_HOST_ROOT=copy) == by_option


def main():
    failed = 0
    for n, function in enumerate(cases, 1):
        name = function.__name__.replace('_', ' ')
        try:
            function()
            print(f'ok {n} - {name}')
        except AssertionError as error:
            failed += 1
            print(f'not ok {n} - {name}')
            print('\n'.join('# ' + line for line in str(error).splitlines()))
    print(f'1..{len(cases)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
