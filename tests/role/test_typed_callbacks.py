"""A service written as callbacks' methods: it works, and a strict type checker accepts it."""

from __future__ import annotations

import os
import signal

import ipcm
from tests.helpers import wait_until


class Full(ipcm.Service):
    interval = 0.01

    def on_start(self) -> None:
        self.heard: list[str] = ["start"]

    def on_reload(self, sig: signal.Signals) -> None:
        self.heard.append(sig.name)

    on_sig = {"HUP": on_reload, signal.SIGUSR1: [on_reload]}

    def on_all(self, activity: ipcm.Activity) -> None:
        if activity.messages:
            self.heard.append("all")

    def on_interval(self) -> None:
        if "interval" not in self.heard:
            self.heard.append("interval")

    def on_general_message(self, message: ipcm.Message) -> None:
        self.heard.append(str(message.content))

    def on_peer_delta(self, delta: dict[str, int]) -> None:
        self.heard.extend(f"{name} {change:+}" for name, change in delta.items())

    def on_pid(self, pid: int, exit: int) -> None:
        self.heard.append(f"exit {exit}")

    def on_unhandled(self, activity: ipcm.Activity) -> None:
        self.heard.append("unhandled")

    def on_cleanup(self) -> None:
        self.heard.append("cleanup")

    def should_end(self) -> bool:
        return "end" in self.heard

    def handle_request(self, request: ipcm.Request, message: ipcm.Message) -> list[str]:
        if request.payload == "fork" and not os.fork():
            os._exit(3)
        return self.heard


def test_each_is_called() -> None:
    with ipcm.service("full", Full, handle_name="me") as handle:
        assert handle.service_pid is not None
        os.kill(handle.service_pid, signal.SIGHUP)
        os.kill(handle.service_pid, signal.SIGUSR1)
        handle.client.send_message("full", "hello")
        handle.request("fork")
        expected = {"start", "SIGHUP", "SIGUSR1", "all", "interval", "hello", "me +1", "exit 3"}
        wait_until(lambda: expected <= set(handle.request("heard")))
        handle.client.send_message("full", "end")
        assert handle.wait(10) == 0
