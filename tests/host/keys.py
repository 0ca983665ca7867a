#!/usr/bin/env python3
"""tests/host/keys.py CARREL MACHINE VNC-SOCKET - every key of a US keyboard
through a VNC client into a guest that prints what its keyboard controller
gives it (guests/scancodes.S): make and break of scan code set 1, in order.

TAP lines start at the number in argv[4]. The viewer is a few lines of RFB 3.8
(RFC 6143): version, no security, ClientInit, KeyEvent."""
import socket
import struct
import subprocess
import sys
import time

# keysym, set 1 make code; 0xe0xx has the prefix. IBM PS/2 technical reference,
# "keyboard scan codes", set 1.
ROWS = [
    ("1234567890-=", 0x02), ("qwertyuiop[]", 0x10), ("asdfghjkl;'`", 0x1e),
    ("\\zxcvbnm,./", 0x2b),
]
KEYS = [(f"'{c}'", ord(c), start + i) for text, start in ROWS
        for i, c in enumerate(text)]
KEYS += [("space", 0x20, 0x39), ("Escape", 0xff1b, 0x01),
         ("BackSpace", 0xff08, 0x0e), ("Tab", 0xff09, 0x0f),
         ("Return", 0xff0d, 0x1c), ("Caps_Lock", 0xffe5, 0x3a),
         ("Num_Lock", 0xff7f, 0x45), ("Scroll_Lock", 0xff14, 0x46),
         ("Shift_L", 0xffe1, 0x2a), ("Shift_R", 0xffe2, 0x36),
         ("Control_L", 0xffe3, 0x1d), ("Control_R", 0xffe4, 0xe01d),
         ("Alt_L", 0xffe9, 0x38), ("Alt_R", 0xffea, 0xe038),
         ("Super_L", 0xffeb, 0xe05b), ("Super_R", 0xffec, 0xe05c),
         ("Menu", 0xff67, 0xe05d), ("Home", 0xff50, 0xe047),
         ("Left", 0xff51, 0xe04b), ("Up", 0xff52, 0xe048),
         ("Right", 0xff53, 0xe04d), ("Down", 0xff54, 0xe050),
         ("Page_Up", 0xff55, 0xe049), ("Page_Down", 0xff56, 0xe051),
         ("End", 0xff57, 0xe04f), ("Insert", 0xff63, 0xe052),
         ("Delete", 0xffff, 0xe053), ("KP_Enter", 0xff8d, 0xe01c),
         ("KP_Multiply", 0xffaa, 0x37), ("KP_Add", 0xffab, 0x4e),
         ("KP_Subtract", 0xffad, 0x4a), ("KP_Decimal", 0xffae, 0x53),
         ("KP_Divide", 0xffaf, 0xe035), ("F11", 0xffc8, 0x57),
         ("F12", 0xffc9, 0x58)]
KEYS += [(f"F{i + 1}", 0xffbe + i, 0x3b + i) for i in range(10)]
KEYS += [(f"KP_{d}", 0xffb0 + d, code) for d, code in enumerate(
    [0x52, 0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48, 0x49])]


def expected(code):
    """Make, then break, as the guest prints them."""
    if code > 0xff:
        return f"e0 {code & 0xff:02x} e0 {code & 0x7f | 0x80:02x} "
    return f"{code:02x} {code | 0x80:02x} "


class Viewer:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(path)
        assert self.read(12).startswith(b"RFB 003.008")
        self.sock.sendall(b"RFB 003.008\n")
        assert 1 in self.read(self.read(1)[0]), "no security type None"
        self.sock.sendall(b"\1")
        assert self.read(4) == b"\0\0\0\0", "refused"
        self.sock.sendall(b"\1")
        head = self.read(24)
        self.read(struct.unpack(">I", head[20:])[0])

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            assert part, "the server hung up"
            data += part
        return data

    def key(self, keysym, down):
        self.sock.sendall(struct.pack(">BBHI", 4, down, 0, keysym))


def serial(carrel, machine):
    return subprocess.run([carrel, "logs", machine, "--source", "serial0"],
                          capture_output=True, text=True, check=True).stdout


def received(carrel, machine, before, length):
    """What the guest printed since, once it is long enough."""
    for _ in range(100):
        text = serial(carrel, machine)[before:]
        if len(text) >= length:
            return text
        time.sleep(0.1)
    return text


def main():
    carrel, machine, path = sys.argv[1:4]
    number = int(sys.argv[4])
    viewer = Viewer(path)
    before = len(serial(carrel, machine))
    for _, keysym, _ in KEYS:
        viewer.key(keysym, 1)
        viewer.key(keysym, 0)
        time.sleep(0.02)
    wanted = [(name, expected(code)) for name, _, code in KEYS]
    text = received(carrel, machine, before, sum(len(w) for _, w in wanted))
    failed = False
    for name, want in wanted:
        good = text.startswith(want)
        failed = failed or not good
        print(f"{'ok' if good else 'not ok'} {number} - VNC key {name}")
        if not good:
            print(f"# wanted {want}got {text[:24]}")
        number += 1
        text = text[len(want):]
    sys.exit(failed)


main()
