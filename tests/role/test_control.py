"""What a service tells its observers, where that goes wrong."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

import ipcm
from ipcm._core.envelope import Envelope
from ipcm._core.observation import PeerEvent
from ipcm._core.subscription import ObserveOptions, Subscription


class Unfit(ipcm.EchoService):
    """Fails where an observer asks what it offers."""

    def run_on_start(self) -> None:
        self.started = True

    def endpoints(self) -> Any:
        if hasattr(self, "started"):
            raise LookupError("none of those")
        return super().endpoints()


def test_a_service_that_cannot_describe_itself() -> None:
    with ipcm.service("unfit", Unfit) as handle:
        with pytest.raises(ipcm.RemoteError, match="LookupError: none of those"):
            handle.describe()
        assert handle.request(1) == 1
        assert handle.snapshot().errors == []


def test_one_that_disconnects_before_its_end() -> None:
    with (
        ipcm.service(
            "leaving", ipcm.EchoService, on_cleanup=lambda service: service.client().disconnect()
        ) as handle,
        handle.observe() as observer,
    ):
        assert observer.ready(10)
        handle.terminate(7)
        assert handle.wait(10) == 7


def test_parts_of_a_batch_that_nobody_takes_count_as_lost() -> None:
    def send(to: str, envelope: Envelope) -> int:
        if len(envelope.content.events) > 1:
            raise ipcm.MessageTooLarge(2, 1)
        raise ipcm.Backpressure(to, 1, 1)

    service = ipcm.EchoService(name="s", ipcm_info="")
    state = service._ipcm_state
    state.client = SimpleNamespace(port=SimpleNamespace(send=send, backlog=dict))  # type: ignore[assignment]
    subscription = state.subscriptions["o"] = Subscription(ObserveOptions(), time.monotonic())
    for n in range(7):
        subscription.add(PeerEvent("s", 0.0, str(n), 1))
    service._ipcm_control.flush(now=True)
    assert subscription.lost_ever == 7
