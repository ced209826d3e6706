"""Consumers of the role that several tests share."""

from __future__ import annotations

import os
from typing import Any

from ipcm import Message, Request, Service, ServiceRole

__all__ = ["Minimal", "Telling", "double", "pipe_text"]


class Minimal(ServiceRole):
    """As little as a consumer can be."""

    orig_io = None

    def __init__(self, name: str, ipcm_info: str, pid: int, watch_pids: Any, **_: Any) -> None:
        self.name = name
        self.ipcm_info = ipcm_info
        self.pid = pid
        self.watch_pids = watch_pids

    def set_pid(self, pid: int) -> None:
        self.pid = pid

    def handle_request(self, request: Request, message: Message) -> Any:
        return request.payload


class Telling(Service):
    """Answers what it has noted so far."""

    def __init__(self, *args: Any, **params: Any) -> None:
        self.noted: list[Any] = []
        super().__init__(*args, **params)

    def handle_request(self, request: Request, message: Message) -> Any:
        return self.noted


def double(service: Service, request: Request, message: Message) -> Any:
    return request.payload * 2


def pipe_text(read: int, write: int) -> str:
    """Closes the write end, and reads the other to its end: every holder has to end."""
    os.close(write)
    with open(read) as file:
        return file.read()
