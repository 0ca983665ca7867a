"""Pictures as rows of pixels, for the tests that compare them."""
import struct
import zlib


def png_rows(path):
    """Width and rows of RGB bytes of an 8-bit RGB or RGBA picture."""
    data = open(path, 'rb').read()
    at, body = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        chunk = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', chunk[:10])
        elif kind == b'IDAT':
            body += chunk
        at += size + 12
    channels = {2: 3, 6: 4}[colour]
    assert depth == 8
    raw, line = zlib.decompress(body), width * channels
    rows, before = [], bytearray(line)
    for y in range(height):
        method = raw[y * (line + 1)]
        row = bytearray(raw[y * (line + 1) + 1:(y + 1) * (line + 1)])
        unfilter(method, row, before, channels)
        rows.append(b''.join(bytes(row[i:i + 3])
                             for i in range(0, line, channels)))
        before = row
    return width, rows


def unfilter(method, row, before, channels):
    for i in range(len(row) if method else 0):
        a = row[i - channels] if i >= channels else 0
        b = before[i]
        c = before[i - channels] if i >= channels else 0
        near = min((a, b, c), key=lambda p: abs(a + b - c - p))
        row[i] = (row[i] + (0, a, b, (a + b) // 2, near)[method]) & 255
