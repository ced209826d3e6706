"""Whatever a peer says, in whatever words: who hears it goes on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import ipcm
from ipcm._core.envelope import CONTROL, EVENTS, REQUEST, RESPONSE, TERMINATE, Envelope
from ipcm.testing import Stage

SCALARS: Any = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(width=32)
    | st.sampled_from(["", "x", "add", "endpoint", "args", "observe", "snapshot", "signal", "rate"])
)
ANYTHING: Any = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["endpoint", "args", "a", "b", "signal", "value", "rate", "messages"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
VERBS = st.sampled_from(["describe", "snapshot", "observe", "unobserve", "signal", "output", "x"])
CONTROLS: Any = st.tuples(VERBS, ANYTHING).map(list)
CALLS: Any = st.fixed_dictionaries({"endpoint": SCALARS, "args": ANYTHING})
ENVELOPES: Any = st.builds(
    Envelope,
    kind=st.sampled_from([0, 1, REQUEST, RESPONSE, EVENTS, 7, -1, 1 << 40]),
    id=st.integers(0, 3) | st.integers(-(1 << 63), (1 << 64) - 1),
    content=ANYTHING | CALLS,
    aux=SCALARS,
    stamp=st.floats(width=32),
) | st.builds(
    Envelope,
    kind=st.just(CONTROL),
    id=st.integers(0, 3),
    content=CONTROLS | ANYTHING,
    aux=ANYTHING,
)


class Adder(ipcm.Service):
    @ipcm.endpoint
    def add(self, a: int, b: int = 0) -> int:
        return a + b


@settings(max_examples=30)
@given(envelopes=st.lists(ENVELOPES, max_size=12))
def test_nothing_that_is_said_ends_a_service_or_a_client(envelopes: list[Envelope]) -> None:
    with Stage() as stage:
        stage.service("s", Adder, interval=3600)
        hostile, asker = stage.connect("hostile"), stage.connect("asker")
        with stage.bus.observe() as observer:
            stage.settle()
            for envelope in envelopes:
                for to in ("s", "asker", observer.name):
                    hostile.port.send(to, envelope)
            stage.sleep(60)
            hostile.get_messages()
            asker.get_messages()
            asked = {"endpoint": "add", "args": {"a": 1, "b": 2}}
            assert asker.request("s", asked) == 3
            assert observer.snapshot("s").state == "running"
            observer.poll()


def test_only_who_may_ends_a_service() -> None:
    with Stage() as stage:
        service = stage.service("s", Adder, interval=3600)
        looker = stage.connect("looker", read_only=True)
        looker.port.send("s", Envelope(TERMINATE, 1, 5))
        looker.port.send("s", Envelope(CONTROL, 2, ["terminate", {"value": 5}]))
        looker.port.send("s", Envelope(CONTROL, 3, ["signal", {"signal": 9}]))
        stage.settle()
        assert not service.is_terminated
        stage.connect("friend").port.send("s", Envelope(TERMINATE, 1, 5))
        assert stage.result(service) == 5


def test_wrong_arguments_are_answered() -> None:
    wrong: list[Any] = [
        ["signal", {"signal": [1]}],
        ["signal", {"signal": 1e300}],
        ["signal", {"signal": "x"}],
        ["signal", {"signal": None}],
        ["signal", {"signal": 1 << 60}],
        ["observe", {"rate": "x"}],
        ["nothing", {}],
        ["signal"],
        "signal",
    ]
    with ipcm.service("s", Adder) as handle:
        for words in wrong:
            id = handle.client.send_request("s", words, timeout=10, control=True)
            assert not handle.client.await_response(id).ok, words
        assert handle.call("add", a=1) == 1
