"""The inside view of another peer (seed: IPC::Manager::Service::Peer)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcm._core.requests import Callback
from ipcm.client import DEFAULT_TIMEOUT
from ipcm.errors import UsageError
from ipcm.message import Response
from ipcm.role.asking import Asking
from ipcm.shown import Shown

if TYPE_CHECKING:
    from ipcm.role.role import ServiceRole

__all__ = ["Peer"]


class Peer(Shown, Asking):
    """Another peer, over the connection of the service that asks; `service.peer(name)`.

    The blocking methods keep the messages that come in meanwhile for the next turn.

    Attributes:
        name: the other peer. child_pid: of a nested service, the pid of the fork; else None.
    """

    def __init__(self, name: str, service: ServiceRole, child_pid: int | None = None) -> None:
        self.name = name
        self.child_pid = child_pid
        self._service = service

    def __repr__(self) -> str:
        return f"<Peer {self.name!r} of {self._service.name!r}>"

    @property
    def pid(self) -> int | None:
        """Its process; None where it is not there."""
        return self._service.client().peer_pid(self.name)

    def ready(self, timeout: float | None = 0.0) -> bool:
        """Whether it is there and ready; waits at most `timeout` seconds (None: for ever).

        To wait for oneself raises UsageError.
        """
        if self.name == self._service.name:
            if timeout != 0:
                raise UsageError(f"{self.name!r} cannot wait for itself")
            return self._service._ipcm_state.phase == "running"
        return self._service.client().peer_active(self.name, timeout)

    def send_request(
        self,
        payload: Any,
        callback: Callback | None = None,
        *,
        timeout: float | None = DEFAULT_TIMEOUT,
    ) -> int:
        """Sends a request; see `RequestsRole.send_request`."""
        return self._service.send_request(self.name, payload, callback, timeout=timeout)

    def get_response(self, id: int) -> Response | None:
        """The response of a request without callback, once it is there."""
        return self._service.get_response(id)

    def request(self, payload: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Asks and waits; see `Client.request`. To oneself it raises UsageError."""
        if self.name == self._service.name:
            raise UsageError(f"{self.name!r} cannot wait for an answer from itself")
        self._service._ipcm_state.telemetry.sent += 1
        return self._service.client().request(self.name, payload, timeout)
