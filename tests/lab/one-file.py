#!/usr/bin/env python3
"""one-file.py send|receive PORT FILE - one connection, one file, both ends of
it closed by the sender: netcats disagree on what the end of their input means.
"""
import socket
import sys

way, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listener = socket.create_server(("", port))
listener.settimeout(300)
peer, _ = listener.accept()
peer.settimeout(300)
with open(name, "rb" if way == "send" else "wb") as file:
    if way == "send":
        peer.sendfile(file)
    else:
        while data := peer.recv(1 << 16):
            file.write(data)
peer.close()
