"""What only the memory transport does: threads, one process, services without one of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import ipcm
from ipcm import Bus
from ipcm.testing import Thread
from tests._os.processes import in_child, until_readable


@pytest.fixture
def bus() -> Iterator[Bus]:
    with ipcm.spawn("mem", transport="memory") as bus:
        yield bus


class Adder(ipcm.Service):
    @ipcm.endpoint
    def add(self, a: int, b: int) -> int:
        return a + b

    @ipcm.endpoint
    async def slowly(self, a: int) -> int:
        import asyncio

        await asyncio.sleep(0.01)
        return -a

    @ipcm.endpoint
    def start_worker(self) -> int:
        return ipcm.worker("w", lambda: None)

    @ipcm.endpoint
    def start_service(self) -> str:
        return str(ipcm.service("inner", ipcm.EchoService))


class TestThreads:
    def test_two_threads_talk(self, bus: Bus) -> None:
        def answer() -> list[Any]:
            with bus.connect("answering") as client:
                seen: list[Any] = []
                while len(seen) < 200:
                    for message in client.get_messages(5):
                        seen.append(message.content)
                        client.send_message("asking", message.content * 2)
                return seen

        with bus.connect("asking") as client:
            thread = Thread(answer)
            assert client.peer_active("answering", 5)
            for n in range(200):
                client.send_message("answering", n)
            got: list[Any] = []
            while len(got) < 200:
                got += [message.content for message in client.get_messages(5)]
            assert got == [n * 2 for n in range(200)]
            assert thread.result() == list(range(200))

    def test_many_threads_to_one(self, bus: Bus) -> None:
        def talk(name: str) -> None:
            with bus.connect(name) as client:
                for n in range(100):
                    client.send_message("sink", n)

        with bus.connect("sink") as sink:
            threads = [Thread(lambda n=n: talk(f"t{n}")) for n in range(8)]
            got: dict[str, list[int]] = {}
            while sum(map(len, got.values())) < 800:
                for message in sink.get_messages(5):
                    got.setdefault(message.sender, []).append(message.content)
            for thread in threads:
                thread.result()
            assert got == {f"t{n}": list(range(100)) for n in range(8)}

    def test_one_of_twenty_gets_the_name(self, bus: Bus) -> None:
        gun, done = threading.Barrier(20), threading.Event()

        def race() -> bool:
            gun.wait(10)
            try:
                with bus.connect("winner"):
                    done.wait(10)
                    return True
            except ipcm.NameTaken:
                return False

        threads = [Thread(race) for _ in range(20)]
        while sum(thread.is_alive() for thread in threads) > 1:
            threads[0].join(0.001)
        done.set()
        assert sorted(thread.result() for thread in threads) == [False] * 19 + [True]

    def test_the_descriptor_tells(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            assert not until_readable(b.fileno(), 0)
            a.send_message("b", 1)
            assert until_readable(b.fileno(), 0)
            b.get_messages()
            assert not until_readable(b.fileno(), 0)

    def test_flushing_waits_for_the_other_thread(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            for _ in range(4):
                a.send_message("b", b"x" * (200 << 10))
            assert a.port.backlog() == {"b": 2}
            assert not a.flush(0.01)
            thread = Thread(lambda: a.flush(10))
            total = 0
            while total < 4:
                total += len(b.get_messages(5))
            assert thread.result()
            assert a.port.backlog() == {}


class TestServices:
    def test_one_in_a_thread(self, bus: Bus) -> None:
        service = Adder(name="adder", ipcm_info=bus.info)
        thread = Thread(service.run)
        assert joined(bus, "adder")
        with ipcm.attach("adder", bus) as handle:
            assert handle.ready(5)
            assert handle.call("add", a=1, b=2) == 3
            assert handle.call("slowly", a=1) == -1
            assert handle.snapshot().requests.received == 2
            assert handle.describe()["name"] == "adder"
            with bus.observe(read_only=False) as observer:
                with pytest.raises(ipcm.RemoteError, match="thread"):
                    observer.signal("adder", 15)
                observer.terminate("adder")
        assert thread.result() == 0
        assert bus.peers() == []

    def test_it_has_no_children(self, bus: Bus) -> None:
        service = Adder(name="adder", ipcm_info=bus.info, expose_error_details=True)
        thread = Thread(service.run)
        assert joined(bus, "adder")
        with ipcm.attach("adder", bus) as handle:
            for endpoint in ("start_worker", "start_service"):
                with pytest.raises(ipcm.RemoteError, match="can have no children"):
                    handle.call(endpoint)
        bus.terminate()
        bus.wait(5)
        assert thread.result() == 0

    def test_nor_signals(self, bus: Bus) -> None:
        service = Adder(name="adder", ipcm_info=bus.info, on_sig={"HUP": print})
        with pytest.raises(ipcm.UnsupportedError, match="grabs SIGHUP: only"):
            Thread(service.run).result()
        assert bus.peers() == []
        with pytest.raises(ipcm.UnsupportedError, match="no signal"):
            ipcm.spawn(transport="memory", signal="HUP")

    def test_a_process_of_its_own_cannot_join(self, bus: Bus) -> None:
        for start in ("auto", "fork"):
            with pytest.raises(ipcm.UnsupportedError, match="threads"):
                ipcm.service("x", ipcm.EchoService, bus=bus, start=start)
        assert bus.peers() == []

    def test_one_in_the_main_thread(self, bus: Bus) -> None:
        def end() -> None:
            with bus.connect("ender") as client:
                assert client.peer_active("main", 5)
                assert client.request("main", 4) == 4
                bus.terminate()

        thread = Thread(end)
        assert ipcm.EchoService(name="main", ipcm_info=bus.info).run() == 0
        thread.result()

    def test_those_that_end_the_bus_are_not_waited_for(self, bus: Bus) -> None:
        def end(*_: Any) -> None:
            ipcm.find_bus(bus.info).shutdown(grace=3600)

        stop = Thread(ipcm.Service("stop", bus.info, handle_request=end).run)
        too = Thread(ipcm.Service("too", bus.info, on_all=print, on_cleanup=end).run)
        assert joined(bus, "stop") and joined(bus, "too")
        with bus.connect("client") as client:
            client.send_request("stop", 1)
            assert [stop.result(), too.result()] == [0, 0]

    def test_the_bus_ends_without_those_that_do_not(self) -> None:
        with ipcm.spawn(transport="memory") as bus:
            stuck = bus.connect("client")
            bus.shutdown(0.0)
            with pytest.raises(ipcm.BusGone):
                stuck.get_messages(5)
            with pytest.raises(ipcm.BusGone):
                stuck.send_message("x", 1)
            stuck.disconnect()


class TestProcess:
    def test_another_process_is_told_where_it_is(self, bus: Bus) -> None:
        def visit() -> bool:
            for use in (lambda: ipcm.connect("x", bus.info), lambda: bus.connect("x"), bus.peers):
                with pytest.raises(ipcm.UnsupportedError, match=f"process {bus.owner_pid}"):
                    use()
            with pytest.raises(ipcm.UnsupportedError, match="'memory'"):
                ipcm.service("x", ipcm.EchoService, bus=bus)
            bus.shutdown()
            return ipcm.buses() == []

        assert in_child(visit)
        assert ipcm.buses()[0].name == "mem"

    def test_its_process_is_over(self) -> None:
        info = in_child(lambda: ipcm.spawn("brief", transport="memory").info)
        with pytest.raises(ipcm.BusGone):
            ipcm.connect("x", info)

    @pytest.mark.parametrize("route", ["x", "1", "1/", "/x", "-1/x", "9" * 30 + "/x"])
    def test_bad_routes(self, route: str) -> None:
        with pytest.raises((ipcm.BadBusInfo, ipcm.BusGone, ipcm.UnsupportedError)):
            ipcm.connect("x", f'["memory","msgpack","{route}"]')

    def test_names_are_found_here(self, bus: Bus) -> None:
        with pytest.raises(ipcm.NameTaken):
            ipcm.spawn("mem", transport="memory")
        with ipcm.connect("x", "mem") as client, ipcm.connect("y"):
            assert client.peers() == ["y"]


def joined(bus: Bus, name: str) -> bool:
    with bus.connect("waiting") as client:
        return client.peer_active(name, 5)
