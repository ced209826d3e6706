"""A service for the length of a `with` block, on whatever bus there is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ipcm.bus import Bus
from ipcm.role.callbacks import Service
from ipcm.role.handle import Handle, attach
from ipcm.role.launch import service
from ipcm.role.role import ServiceRole
from ipcm.transports.registry import get_transport

__all__ = ["Thread", "running"]

_LIMIT = 10.0


class Thread(threading.Thread):
    """A thread, started, that hands over what its function returns or raises."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._function = function
        self._outcome: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Called by `start`."""
        try:
            self._outcome = self._function()
        except BaseException as error:  # noqa: BLE001 (it is raised by `result`)
            self._error = error

    def result(self, timeout: float = _LIMIT) -> Any:
        """Waits for the end.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
            BaseException: what the function raised.
        """
        self.join(timeout)
        if self.is_alive():
            raise TimeoutError(f"{self._function!r} still runs after {timeout:g} s")
        if self._error is not None:
            raise self._error
        return self._outcome


@contextlib.contextmanager
def running(
    name: str, bus: Bus, maker: Callable[..., ServiceRole] = Service, **params: Any
) -> Iterator[Handle]:
    """Runs a service in a process of its own, or in a thread where the bus has only those.

    Args:
        maker: a ServiceRole class; `Service` where it is left out. params: for it.

    Returns:
        Its handle; at the end of the block the service is terminated, and waited for. What
        ended it in its thread is raised.
    """
    if get_transport(bus.transport).capabilities.processes:
        with service(name, maker, bus=bus, **params) as handle:
            yield handle
        return
    made = maker(name=name, ipcm_info=bus.info, **params)
    thread = Thread(made.run)
    with bus.observe(messages=False) as observer:
        while name not in observer.presence and thread.is_alive():
            observer.poll(0.1)
    if name not in bus.services():
        thread.result()
    with attach(name, bus) as handle:
        try:
            handle.ready(_LIMIT)
            yield handle
        finally:
            handle.terminate()
            handle.client.flush(_LIMIT)
    thread.result()
