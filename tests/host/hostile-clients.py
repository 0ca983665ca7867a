#!/usr/bin/env python3
"""Attacks on the control socket of a machine: hostile-clients.py SOCKET CASE.

Ends with 0 when the machine answered a well-behaved client within a second
all the while (10 s where the attack is meant to cost it time)."""
import json
import os
import random
import socket
import sys
import time

path, case = sys.argv[1:]
os.chdir(os.path.dirname(path))
path = os.path.basename(path)


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)  # waits while the queue is full
    s.settimeout(10)
    return s


def line(**members):
    return json.dumps(members).encode() + b'\n'


def answered(limit=1.0):
    """A new client's question, and how long the answer takes."""
    start = time.monotonic()
    with connect() as s:
        s.sendall(line(id=7, op='status'))
        text = b''
        while not text.endswith(b'\n'):
            chunk = s.recv(65536)
            assert chunk, 'hung up on a well-behaved client'
            text += chunk
    answer = json.loads(text)
    took = time.monotonic() - start
    assert answer['ok'] and answer['state'] == 'running', answer
    assert took < limit, f'the answer took {took:.1f} s'


def read_all(s):
    """What comes until the machine hangs up or falls silent."""
    s.settimeout(2)
    text = b''
    try:
        while chunk := s.recv(65536):
            text += chunk
    except (socket.timeout, ConnectionResetError):
        pass
    return text


def push(s, data):
    """Sends what the machine takes; it may hang up at any point."""
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError, socket.timeout):
        pass


def refused(data):
    with connect() as s:
        push(s, data)
        text = read_all(s)
    for answer in text.splitlines():
        assert json.loads(answer)['ok'] is False, answer
    answered()
    return text


def stalled():
    clients = [connect() for _ in range(100)]
    answered()
    for s in clients[:50]:
        s.sendall(b'{"id":1,')
    answered()
    for s in clients:
        s.close()


def partial():
    with connect() as s:
        for byte in line(id=3, op='hello'):
            s.sendall(bytes([byte]))
            time.sleep(0.005)
        assert json.loads(s.recv(65536))['id'] == 3
    with connect() as s:
        s.sendall(line(id=4, op='hello')[:-1])
    answered()


def too_long():
    assert b'64 KiB' in refused(b'x' * 70000)
    assert b'64 KiB' in refused(b'{"op":"' + b'y' * 200000 + b'"}\n')
    refused(b'z' * (8 << 20))


def binary():
    rnd = random.Random(1)
    for _ in range(50):
        refused(rnd.randbytes(rnd.randrange(1, 3000)) + b'\n')
    refused(b'\0' * 1000 + b'\n')


def deep_json():
    for opening in b'[', b'{"a":', b'[{"a":':
        refused(opening * (60000 // len(opening)) + b'\n')
    refused(b'{"op":' + b'[' * 30000 + b']' * 30000 + b'}\n')


def json_junk():
    for text in (b'null', b'[]', b'1', b'"op"', b'{}', b'{"op":null}',
                 b'{"op":"status"', b'{"op":"status"}}', b'{"op":"\\ud800"}',
                 b'{"op":"\\u0000"}', b'{"id":1e999,"op":"x"}', b'nan',
                 b'{"id":-99999999999999999999,"op":"x"}', b'{"v":99,"op":"status"}',
                 b'{"op":"x","op":"y"}', b'\xef\xbb\xbf{}', b'{"op":"\xff"}'):
        refused(text + b'\n')


OPERATIONS = ('hello status stats stop reset pause resume power-button '
              'subscribe screen screen-ack screen-text input release text '
              'keys serial-attach serial-send expect media drives log-tail')


def wrong_types():
    """Every operation that ends nothing, with every member of a wrong type."""
    members = ('id v timeout force on port text keys regex source drive path '
               'read_only bytes replay events x y ignore_case serial layout '
               'rate name type code value').split()
    wrong = (None, True, -1, 2**63, 1.5e308, '', 'x' * 5000, '\x1b[2J', [], {},
             [[1]], {'a': {'b': []}})
    rnd = random.Random(2)
    safe = [op for op in OPERATIONS.split()
            if op not in ('stop', 'pause', 'power-button', 'reset')]
    for op in safe:
        with connect() as s:
            s.settimeout(0.01)
            for _ in range(60):
                request = {m: rnd.choice(wrong)
                           for m in rnd.sample(members, 6) if m != 'v'}
                request['op'] = op
                push(s, line(**request))
                try:
                    s.recv(1 << 20)
                except (socket.timeout, ConnectionResetError):
                    pass
        answered(10)


def unknown_operations():
    for op in ('', 'quit ', 'Status', '../quit', 'stop\n', 'a' * 60000):
        refused(line(id=1, op=op))


def half_closed():
    for _ in range(20):
        s = connect()
        s.sendall(line(id=1, op='stats'))
        s.shutdown(socket.SHUT_WR)
        s.close()
        s = connect()
        s.shutdown(socket.SHUT_RD)
        push(s, line(id=1, op='stats') * 10)
        s.close()
    answered()


def not_reading():
    """Asks for much and reads none of it: it is dropped, memory is bounded."""
    clients = [connect() for _ in range(10)]
    for s in clients:
        s.settimeout(0.2)
        for _ in range(40):
            push(s, line(id=1, op='screen-text') * 400)
        answered(10)
    for s in clients:
        s.close()


def many_expects():
    with connect() as s:
        for i in range(2000):
            push(s, line(id=i, op='expect', regex='never', timeout=60))
        answered(10)
        with connect() as other:
            other.sendall(line(id=1, op='expect', regex='.', timeout=5))
            assert json.loads(other.recv(65536))['ok']
        text = read_all(s)
        assert b'too many' in text, text[-300:]
    answered()


def slow_regex():
    with connect() as s:
        s.sendall(line(id=1, op='expect', regex='(([a-z ]+)*)*[0-9]Q$',
                       timeout=2))
        answered(10)
        s.settimeout(20)
        assert b'"ok":false' in s.recv(65536)
    answered()


def many_serial():
    with connect() as s:
        for i in range(1500):
            push(s, line(id=i, op='serial-attach'))
        answered(10)
    answered()


def many_screens():
    clients = [connect() for _ in range(60)]
    for s in clients:
        for i in range(5):
            push(s, line(id=i, op='screen'))
    answered(10)
    for s in clients:
        s.close()
    answered()


def connect_storm():
    for _ in range(20):
        clients = []
        for _ in range(200):
            try:
                clients.append(connect())
            except OSError:
                break
        for s in clients:
            s.close()
    deadline = time.monotonic() + 5
    while True:
        try:
            return answered()
        except (AssertionError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


globals()[case.replace('-', '_')]()
