#!/usr/bin/env python3
"""same-pixels.py IMAGE.png XWD - whether the picture stands somewhere on the X
display that Xvfb keeps in the file XWD, with every pixel equal.
"""
import struct
import sys

from pixels import png_rows


def xwd_rows(path):
    """Rows of RGB bytes of a 32-bit little-endian TrueColor display."""
    data = open(path, 'rb').read()
    head = struct.unpack('>25I', data[:100])
    size, height, bits, line, colours = (head[0], head[5], head[11], head[12],
                                         head[19])
    assert bits == 32
    at, width, rows = size + colours * 12, head[4], []
    for y in range(height):
        row = data[at + y * line:at + y * line + width * 4]
        rgb = bytearray(width * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = row[2::4], row[1::4], row[0::4]
        rows.append(bytes(rgb))
    return rows


def main(image, display):
    width, rows = png_rows(image)
    shown = xwd_rows(display)
    best = len(rows)
    for y in range(len(shown) - len(rows) + 1):
        x = shown[y].find(rows[0])
        while x >= 0:
            cut = slice(x, x + width * 3)
            wrong = sum(a != b[cut] for a, b in zip(rows, shown[y:]))
            if x % 3 == 0 and wrong == 0:
                print(f'{width}x{len(rows)} found at {x // 3},{y}')
                return 0
            best = min(best, wrong)
            x = shown[y].find(rows[0], x + 1)
            if x > 300 or not any(rows[0]):
                break
    print(f'not on the display; nearest place: {best} lines differ')
    return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2]))
