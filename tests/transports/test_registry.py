"""Transports and serializers by name, those of other packages too."""

from __future__ import annotations

from typing import Any

import pytest

import ipcm
from ipcm.transports import registry
from ipcm.transports.memory.transport import MemoryTransport


class TestNames:
    @pytest.mark.parametrize("info", ["[", "[]", '["a"]', '["unix", "msgpack", ""]', "[1, 2, 3]"])
    def test_bad_info(self, info: str) -> None:
        with pytest.raises(ipcm.BadBusInfo):
            ipcm.connect("x", info)

    def test_unknown_transport_and_serializer(self) -> None:
        with pytest.raises(ipcm.BadBusInfo, match="did you mean 'unix'"):
            ipcm.spawn(transport="unxi")
        with pytest.raises(ipcm.BadBusInfo, match="known: msgpack, json"):
            ipcm.spawn(serializer="pickle")


class Point:
    """An entry point of a package that is not there."""

    def __init__(self, name: str, found: Any) -> None:
        self.name = name
        self.value = f"elsewhere:{name}"
        self._found = found

    def load(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


class Elsewhere(MemoryTransport):
    name = "elsewhere"


class TestOthers:
    @pytest.fixture(autouse=True)
    def points(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = [
            Point("elsewhere", Elsewhere),
            Point("broken", ImportError("no module named 'driver'")),
            Point("wrong", dict),
            Point("unix", dict),
        ]
        monkeypatch.setattr(registry, "_others", lambda: {each.name: each for each in found})
        monkeypatch.setattr(registry, "_made", dict(registry._made))

    def test_a_transport_of_another_package(self) -> None:
        with ipcm.spawn("there", transport="elsewhere") as bus, bus.connect("a") as a:
            assert isinstance(registry.get_transport("elsewhere"), Elsewhere)
            assert a.peers() == []
        assert registry.transport_names() == ["unix", "memory", "elsewhere", "broken", "wrong"]

    def test_ours_are_not_replaced(self) -> None:
        assert type(registry.get_transport("unix")).__name__ == "UnixTransport"

    def test_one_that_cannot_be_loaded(self) -> None:
        with pytest.raises(ipcm.BadBusInfo, match=r"broken.*driver"):
            ipcm.spawn(transport="broken")
        with pytest.raises(ipcm.BadBusInfo, match="no Transport"):
            ipcm.spawn(transport="wrong")

    def test_which_hides_nobody_s_buses(self) -> None:
        with ipcm.spawn("ours") as bus, pytest.warns(RuntimeWarning) as warned:
            assert [each.info for each in ipcm.buses()] == [bus.info]
        assert [str(each.message).count("broken") for each in warned] == [2, 0]


def test_the_group_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    registry._others.cache_clear()
    asked: list[str] = []
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: asked.append(group) or [])
    try:
        for _ in range(3):
            with pytest.raises(ipcm.BadBusInfo, match="unknown transport"):
                registry.get_transport("nowhere")
        assert asked == ["ipcm.transports"]
    finally:
        registry._others.cache_clear()
