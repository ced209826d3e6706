"""Services made of source text."""

from __future__ import annotations

from typing import Any

import pytest

import ipcm
from ipcm.role.source import SourceService, check_hooks
from tests.helpers import wait_until

PARTS = '''
"""Counts things."""
from dataclasses import dataclass

@dataclass
class Found:
    text: str
    times: int

heard, ticks, peers = [], [], []

def on_start(): heard.append("start")
def on_interval(service): ticks.append(service.name)
def on_sig_hup(service, sig): heard.append(sig.name)
def on_sigusr1(): heard.append("USR1")
def on_general_message(message): heard.append(message.content)
def on_peer_delta(delta): peers.append(delta)

@endpoint
def find(text: str, times: int = 1) -> Found:
    "Finds it."
    return Found(text, times)

@ipcm.endpoint
def who(self, shout: bool = False) -> str:
    return self.name.upper() if shout else self.name

@endpoint
async def later() -> str:
    return "later"

@endpoint
def run() -> str:
    return "a name that the service itself has"

@endpoint
def told() -> list:
    return heard

@endpoint
def ticked() -> int:
    return len(ticks)
'''


def start(source: str, **params: Any) -> ipcm.Handle:
    handle: ipcm.Handle = ipcm.service("cell", SourceService, source=source, **params)
    return handle


def test_functions_become_the_parts_of_a_service() -> None:
    with start(PARTS, interval=0.02) as handle, ipcm.connect("me", handle.bus) as me:
        assert handle.call("find", text="x") == {"text": "x", "times": 1}
        assert handle.call("who", shout=True) == "CELL"
        assert handle.call("later") == "later"
        assert handle.call("run").startswith("a name")
        me.send_message("cell", "hello")
        with handle.bus.observe(read_only=False) as observer:
            observer.signal("cell", 1)
            observer.signal("cell", 10)
        wait_until(lambda: len(handle.call("told")) == 4)
        assert sorted(handle.call("told")) == ["SIGHUP", "USR1", "hello", "start"]
        wait_until(lambda: handle.call("ticked") > 2)
        with pytest.raises(ipcm.RemoteError, match="bad arguments for find"):
            handle.call("find", text=1)


def test_it_describes_itself_by_its_source() -> None:
    with start(PARTS) as handle:
        about = handle.describe()
        assert about["doc"] == "Counts things."
        assert about["class"].endswith(".cell")
        names = [each["name"] for each in about["endpoints"]]
        assert names == ["find", "who", "later", "run", "told", "ticked"]
        assert about["endpoints"][1]["signature"] == "who(shout: bool = False) -> str"


def test_signals_may_stand_in_a_table() -> None:
    source = (
        "on_time, heard = True, []\n"
        "on_sig = {'HUP': lambda service, sig: heard.append(sig.name)}\n"
        "def handle_request(request): return heard"
    )
    with start(source) as handle, handle.bus.observe(read_only=False) as observer:
        observer.signal("cell", 1)
        wait_until(lambda: handle.request(None) == ["SIGHUP"])


@pytest.mark.parametrize(
    "handler",
    [
        "def handle_request(service, request, message): return [service.name, request.payload]",
        "def handle_request(request, message): return ['cell', message.content]",
        "def handle_request(request): return ['cell', request.payload]",
        "async def handle_request(request): return ['cell', request.payload]",
        "handle_request = lambda service, request, message: ['cell', request.payload]",
    ],
)
def test_a_handler_takes_as_much_as_it_wants(handler: str) -> None:
    with start(handler) as handle:
        assert handle.request(3) == ["cell", 3]


def test_given_names_and_a_namespace() -> None:
    namespace = {"shared": [1], "mine": "not this"}
    source = "def handle_request(request):\n    shared.append(2)\n    return [shared, mine]"
    with start(source, given={"mine": "this"}, namespace=namespace) as handle:
        assert handle.request(None) == [[1, 2], "this"]
    assert namespace == {"shared": [1], "mine": "not this"}


def test_output_goes_to_its_file(capfd: pytest.CaptureFixture[str]) -> None:
    source = (
        "import os, sys\nprint('set up')\n"
        "def handle_request(request):\n"
        "    print('asked'); print('err', file=sys.stderr); os.system('echo child')\n"
        "    raise ValueError('a detail')"
    )
    with start(source, output="bus") as handle:
        with pytest.raises(ipcm.RemoteError, match="a detail"):
            handle.request(None)
        text = handle.output().read()
    for part in ("set up", "asked", "err", "child", "ValueError: a detail", "raise ValueError"):
        assert part in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1/0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("x = 1", "needs an @endpoint"),
        ("def on_strat(): pass", "did you mean on_start"),
        ("async def on_start(): pass", "cannot be async"),
        ("def on_interval(a, b): pass", "cannot be called"),
        ("@endpoint\ndef f(*a): pass", "parameter *a cannot come by name"),
        ("def f(:", "invalid syntax"),
    ],
)
def test_what_is_no_service_fails_to_start(source: str, told: str) -> None:
    with pytest.raises(ipcm.ServiceStartError) as raised:
        start(source)
    assert told in str(raised.value) + raised.value.traceback


def test_tracebacks_show_the_lines_of_the_source() -> None:
    with pytest.raises(ipcm.ServiceStartError) as raised:
        start("def f():\n    return 1/0\nf()", filename="<the cell>")
    assert 'File "<the cell>", line 2, in f' in raised.value.traceback
    assert "return 1/0" in raised.value.traceback


def test_callbacks_alone_make_a_service_that_refuses_requests() -> None:
    source = "def on_interval(service):\n    service.client().broadcast('tick')"
    with start(source, interval=0.02) as handle, ipcm.connect("me", handle.bus) as me:
        assert me.get_messages(10.0)[0].content == "tick"
        with pytest.raises(ipcm.RemoteError, match="answers no requests"):
            handle.request(None)


def test_signals_are_told_from_callbacks() -> None:
    check_hooks(["on_start", "on_sig_hup", "on_sigterm", "handle_request", "other"])
    with pytest.raises(ipcm.UsageError, match="on_sig_nonsense is no callback"):
        check_hooks(["on_sig_nonsense"])
