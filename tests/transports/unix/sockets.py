"""Talking to sockets of a bus without being a peer."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ipcm import Bus

__all__ = ["hung_up", "listener_of", "raw"]


def listener_of(bus: Bus, name: str) -> str:
    """Where a peer listens."""
    (path,) = Path(bus.route, "p").glob(f"{name}~*")
    return str(path)


def raw(path: str) -> socket.socket:
    """A connection to a socket."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    # Of a path that may be too long for a socket address.
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        sock.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(folder)
    return sock


def hung_up(sock: socket.socket) -> bool:
    """Waits until the other end says something, or hangs up; whether it did that."""
    try:
        return sock.recv(100) == b""
    except ConnectionResetError:
        return True
