#!/usr/bin/env python3
"""fat-floppy.py IMAGE FILE - a 1.44M floppy with that one file in its root."""
import os
import sys

SECTOR, TOTAL, FAT_SECTORS, ROOT_ENTRIES = 512, 2880, 9, 224

data = open(sys.argv[2], 'rb').read()
name, _, extension = os.path.basename(sys.argv[2]).upper().partition('.')
clusters = (len(data) + SECTOR - 1) // SECTOR

boot = bytearray(SECTOR)
boot[0:3] = b'\xeb\x3c\x90'
boot[3:11] = b'CARREL  '
# bytes a sector, sectors a cluster, reserved, FATs, root entries, sectors,
# medium, sectors of a FAT, sectors a track, heads
for at, size, value in ((11, 2, SECTOR), (13, 1, 1), (14, 2, 1), (16, 1, 2),
                        (17, 2, ROOT_ENTRIES), (19, 2, TOTAL), (21, 1, 0xf0),
                        (22, 2, FAT_SECTORS), (24, 2, 18), (26, 2, 2)):
    boot[at:at + size] = value.to_bytes(size, 'little')
boot[510:512] = b'\x55\xaa'

entries = [0xff0, 0xfff]
entries += [i + 3 if i + 1 < clusters else 0xfff for i in range(clusters)]
entries += [0] * (len(entries) % 2)
fat = bytearray()
for low, high in zip(entries[0::2], entries[1::2]):
    fat += (low | high << 12).to_bytes(3, 'little')
fat = bytes(fat).ljust(FAT_SECTORS * SECTOR, b'\0')

entry = bytearray(32)
entry[0:11] = name.ljust(8).encode() + extension.ljust(3).encode()
entry[11] = 0x20
entry[26:28] = (2).to_bytes(2, 'little')
entry[28:32] = len(data).to_bytes(4, 'little')
root = bytes(entry).ljust(ROOT_ENTRIES * 32, b'\0')

with open(sys.argv[1], 'wb') as image:
    image.write(bytes(boot) + fat + fat + root + data)
    image.truncate(SECTOR * TOTAL)
