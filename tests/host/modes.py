#!/usr/bin/env python3
"""modes.py MODE HOW FILE - compares what is seen of a screen of
guests/modes.S with what it has to be, which is computed here.

MODE  text, 12h, 13h, vbe or cirrus
HOW   png   a screenshot
      vnc   the Unix socket of a VNC server
      tui   the terminal's page, 120x43, as `tmux capture-pane -e -p -N` writes it
"""
import re
import socket
import struct
import sys

from pixels import png_rows

# The first sixteen colours of a VGA.
VGA = [(170 * (i >> 2 & 1), 170 * (i >> 1 & 1), 170 * (i & 1))
       for i in range(8)]
VGA[6] = (170, 85, 0)
VGA += [(85 + 170 * (i >> 2 & 1), 85 + 170 * (i >> 1 & 1), 85 + 170 * (i & 1))
        for i in range(8)]


def wide(value, bits):
    """A channel of so many bits, as eight."""
    return value << 8 - bits | value >> 2 * bits - 8


def entry(i):
    """palette in modes.S"""
    return tuple(wide(c, 6) for c in (i & 63, i >> 2, 63 - (i & 63)))


def cirrus(x, y):
    n, row = x // 40, y // 40
    return entry((lambda: n * 16 + 5, lambda: (n + 8) % 16 * 16 + 5,
                  lambda: (n * 16 + 5) ^ 15, lambda: 0)[min(row, 3)]())


# Size, and the colour of a pixel of it.
MODES = {
    'text': (720, 400, lambda x, y: VGA[(x // 45 + y // 16) & 15]),
    '12h': (640, 480, lambda x, y: VGA[(x // 40 + y // 32) & 15]),
    '13h': (640, 400, lambda x, y: entry(x // 40 + y // 40 * 16)),
    'vbe': (800, 600, lambda x, y: (wide(x // 50 * 2, 5), wide(y // 50 * 5, 6),
                                    wide(31 - x // 50, 5))),
    'cirrus': (640, 480, cirrus),
}


def take(s, n):
    data = b''
    while len(data) < n:
        chunk = s.recv(n - len(data))
        assert chunk, 'the server hung up'
        data += chunk
    return data


def vnc_rows(path):
    """Width and rows of RGB bytes, by RFB 3.8 without password, raw."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(path)
    take(s, 12)
    s.sendall(b'RFB 003.008\n')
    kinds = take(s, take(s, 1)[0])
    assert 1 in kinds, f'security types {list(kinds)}'
    s.sendall(b'\1')
    assert take(s, 4) == bytes(4), 'refused'
    s.sendall(b'\1')
    width, height = struct.unpack('>HH', take(s, 4))
    take(s, 16)
    take(s, struct.unpack('>I', take(s, 4))[0])
    s.sendall(struct.pack('>B3xBBBBHHHBBB3x', 0, 32, 24, 0, 1, 255, 255, 255,
                          0, 8, 16))
    s.sendall(struct.pack('>BxHi', 2, 1, 0))
    s.sendall(struct.pack('>BBHHHH', 3, 0, 0, 0, width, height))
    kind, n = struct.unpack('>BxH', take(s, 4))
    assert kind == 0, f'message {kind}'
    rows = [bytearray(width * 3) for _ in range(height)]
    for _ in range(n):
        x, y, w, h, encoding = struct.unpack('>HHHHi', take(s, 12))
        assert encoding == 0, f'encoding {encoding}'
        for line in rows[y:y + h]:
            data = take(s, w * 4)
            for c in range(3):
                line[x * 3 + c:(x + w) * 3:3] = data[c::4]
    return width, [bytes(r) for r in rows]


def compare(mode, got):
    width, height, colour = MODES[mode]
    w, rows = got
    assert (w, len(rows)) == (width, height), f'size is {w}x{len(rows)}'
    wrong = 0
    for y in range(height):
        want = b''.join(bytes(colour(x, y)) for x in range(width))
        if rows[y] == want:
            continue
        for x in range(width):
            have = rows[y][3 * x:3 * x + 3]
            if have != want[3 * x:3 * x + 3]:
                if wrong == 0:
                    print(f'{x},{y}: {tuple(have)}, not {colour(x, y)}')
                wrong += 1
    assert wrong == 0, f'{wrong} pixels are wrong'


LEVELS = (0, 95, 135, 175, 215, 255)


def indexed(n):
    """A colour of a terminal with 256."""
    if n < 16:  # ANSI counts red as 1, a VGA blue
        return VGA[n & 8 | n >> 2 & 1 | n & 2 | n << 2 & 4]
    if n >= 232:
        return (8 + 10 * (n - 232),) * 3
    return tuple(LEVELS[(n - 16) // k % 6] for k in (36, 6, 1))


def cells(page):
    """Lines of cells: character, colour of it, colour behind it. A line goes on
    with the colours of the one before."""
    fg, bg = (0, 0, 0), (0, 0, 0)
    for line in page.split('\n'):
        out = []
        for codes, char in re.findall('\x1b\\[([0-9;]*)m|(.)', line):
            if char:
                out.append((char, fg, bg))
                continue
            n = [int(c or 0) for c in codes.split(';')]
            while n:
                c = n.pop(0)
                if c in (38, 48):
                    five = n.pop(0) == 5
                    value = indexed(n.pop(0)) if five else tuple(n[:3])
                    n = n if five else n[3:]
                    fg, bg = (value, bg) if c == 38 else (fg, value)
                elif 30 <= c < 38 or 90 <= c < 98:
                    fg = indexed(c % 10 + (8 if c >= 90 else 0))
                elif 40 <= c < 48 or 100 <= c < 108:
                    bg = indexed(c % 10 + (8 if c >= 100 else 0))
                elif c == 39 or c == 0:
                    fg, bg = (0, 0, 0), (bg if c else (0, 0, 0))
                elif c == 49:
                    bg = (0, 0, 0)
        yield out


def halves(page):
    """What the page's cells show, as pixels: two lines for one of cells."""
    for line in cells(page):
        upper = [fg if char in '▀█' else bg for char, fg, bg in line]
        lower = [fg if char in '▄█' else bg for char, fg, bg in line]
        yield from (upper, lower)


def fit(width, height, cols, rows):
    """Size and place of the picture, in such pixels (square ones)."""
    w, h = cols, (cols * height + width // 2) // width
    if h > rows:
        w, h = (rows * width + height // 2) // height, rows
    h += h & 1
    return w, h, (cols - w) // 2, (rows // 2 - h // 2) // 2 * 2


def compare_page(mode, path):
    """The middle of each pixel of the page, where it covers one colour."""
    width, height, colour = MODES[mode]
    page = list(halves(open(path, encoding='utf-8').read()))
    cols, rows = 120, 84
    if mode == 'text':  # character for character, in the middle
        w, h, left, top = 80, 50, 20, 0
        while top < 40 and not any(p != (0, 0, 0) for p in page[top]):
            top += 2
    else:
        w, h, left, top = fit(width, height, cols, rows)
    seen = wrong = 0
    for j in range(h):
        for i in range(w):
            x, y = i * width // w, j * height // h
            ends = [(x, y), ((i + 1) * width // w - 1,
                             (j + 1) * height // h - 1)]
            want, other = (colour(*at) for at in ends)
            if want != other:
                continue
            line = page[top + j] if top + j < len(page) else []
            have = line[left + i] if left + i < len(line) else (0, 0, 0)
            seen += 1
            # half of the largest step between two of a terminal's colours
            if any(abs(a - b) > 48 for a, b in zip(want, have)):
                if wrong == 0:
                    print(f'column {left + i}, half line {top + j}: {have}, '
                          f'not {want}')
                wrong += 1
    print(f'{seen} compared')
    assert seen > w * h // 2 and wrong == 0, f'{wrong} of {seen} are wrong'


def main(mode, how, path):
    try:
        if how == 'tui':
            compare_page(mode, path)
        else:
            compare(mode, png_rows(path) if how == 'png' else vnc_rows(path))
    except (AssertionError, OSError) as e:
        sys.exit(f'{mode}: {e}')


main(*sys.argv[1:])
