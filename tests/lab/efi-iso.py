#!/usr/bin/env python3
"""tests/lab/efi-iso.py FAT-IMAGE ISO - a disc that UEFI starts from: ISO 9660's
descriptors (ECMA-119) and an El Torito catalogue whose one entry is a FAT image
for EFI, and nothing else."""
import struct
import sys

BLOCK = 2048
FIRST = 20  # of the FAT image


def descriptor(kind, rest=b''):
    return (bytes([kind]) + b'CD001\1' + rest).ljust(BLOCK, b'\0')


def both(value, code):
    return struct.pack('<' + code, value) + struct.pack('>' + code, value)


fat = open(sys.argv[1], 'rb').read()
fat += b'\0' * (-len(fat) % BLOCK)
blocks = FIRST + len(fat) // BLOCK
root = (bytes([34, 0]) + both(0, 'I') + both(0, 'I') + bytes(7) + b'\2\0\0' +
        both(1, 'H') + b'\1\0')
volume = (b'\0' + b' ' * 32 + b'CARREL_EFI'.ljust(32) + bytes(8) +
          both(blocks, 'I') + bytes(32) + both(1, 'H') + both(1, 'H') +
          both(BLOCK, 'H') + bytes(8 + 16) + root)
boot = b'EL TORITO SPECIFICATION'.ljust(64, b'\0') + struct.pack('<I', 19)

# The validation entry's 16-bit words add up to 0.
valid = bytearray(b'\1\xef'.ljust(30, b'\0') + b'\x55\xaa')
total = sum(struct.unpack('<16H', valid))
struct.pack_into('<H', valid, 28, -total & 0xffff)
entry = struct.pack('<BBHBBHI', 0x88, 0, 0, 0, 0, len(fat) // 512, FIRST)

with open(sys.argv[2], 'wb') as out:
    out.write(bytes(16 * BLOCK) + descriptor(1, volume) + descriptor(0, boot) +
              descriptor(255) + (bytes(valid) + entry).ljust(BLOCK, b'\0') + fat)
