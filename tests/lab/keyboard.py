#!/usr/bin/env python3
"""tests/lab/keyboard.py - a keyboard by uinput. Prints the path of its device,
then does what standard input says, a line each: "+CODE" presses, "-CODE" lets
go, "grab" prints whether somebody else could have it to himself now."""
import fcntl
import glob
import os
import struct
import sys
import time

UI_DEV_CREATE, UI_SET_EVBIT, UI_SET_KEYBIT = 0x5501, 0x40045564, 0x40045565
UI_DEV_SETUP, EVIOCGRAB = 0x405C5503, 0x40044590

fd = os.open("/dev/uinput", os.O_WRONLY)
fcntl.ioctl(fd, UI_SET_EVBIT, 1)
for code in range(1, 128):
    fcntl.ioctl(fd, UI_SET_KEYBIT, code)
fcntl.ioctl(fd, UI_DEV_SETUP,
            struct.pack("HHHH80sI", 3, 0x1234, 0x5678, 1, b"test keyboard", 0))
fcntl.ioctl(fd, UI_DEV_CREATE)
path = None
while path is None or not os.path.exists(path):  # evdev may come later
    time.sleep(0.1)
    for name in glob.glob("/sys/class/input/event*/device/name"):
        if open(name).read().strip() == "test keyboard":
            path = "/dev/input/" + name.split("/")[4]
print(path, flush=True)


def put(kind, code, value):
    os.write(fd, struct.pack("qqHHi", 0, 0, kind, code, value))


def grab():
    other = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(other, EVIOCGRAB, 1)
        return "free"
    except OSError:
        return "taken"
    finally:
        os.close(other)


for line in sys.stdin:
    line = line.strip()
    if line == "grab":
        print(grab(), flush=True)
    elif line:
        put(1, int(line[1:]), 1 if line[0] == "+" else 0)
        put(0, 0, 0)
        time.sleep(0.1)
