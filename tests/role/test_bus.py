"""What a bus and its peers offer beside requests, with services at the other end."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import ipcm
from ipcm import Message
from tests._os.processes import exit_of, read_all
from tests.helpers import gone, wait_until
from tests.role.consumers import Minimal, Telling, double, pipe_text


def note(service: Any, message: Message) -> None:
    service.noted.append([message.sender, message.content, message.broadcast])


class TestPeers:
    def test_waiting_for_one_to_be_ready(self) -> None:
        with ipcm.spawn() as bus, bus.connect("waiting") as client:
            assert not client.peer_active("late")
            begun = time.monotonic()
            assert not client.peer_active("late", 0.05)
            assert time.monotonic() - begun >= 0.05
            read, write = os.pipe()
            handle = ipcm.service(
                "late",
                bus=bus,
                wait=False,
                handle_request=double,
                on_start=lambda service: os.read(read, 1) and None,
            )
            with handle:
                wait_until(lambda: client.peer_exists("late"))
                assert not client.peer_active("late")
                os.write(write, b"x")
                assert client.peer_active("late", 5)
                assert client.peer_active("late")
                assert client.peer_pid("late") == handle.child_pid
            os.close(read)
            os.close(write)
            assert client.peer_pid("late") is None

    def test_a_broadcast_with_its_result_per_peer(self) -> None:
        with (
            ipcm.service("one", Telling, on_general_message=note) as handle,
            ipcm.service("two", Telling, bus=handle.bus, on_general_message=note) as other,
            handle.bus.connect("talker") as talker,
            handle.bus.observe(),
        ):
            # Clients come when they are first used.
            assert other.ready()
            assert handle.ready()
            results = talker.broadcast("hello")
            assert results.keys() == {"one", "two", handle.name, other.name}
            assert all(results.values())
            # Nothing orders what one sends after what another one does.
            for each in (handle, other):
                wait_until(lambda each=each: each.request(0))  # type: ignore[misc]
                assert each.request(0) == [["talker", "hello", True]]

    def test_a_broadcast_of_a_service_leaves_it_out(self) -> None:
        def tell(service: Any, request: Any, message: Message) -> Any:
            return sorted(service.client().broadcast("hello"))

        with ipcm.service("one", handle_request=tell) as handle:
            assert handle.request(0) == [handle.name]
            (got,) = handle.messages()
            assert (got.sender, got.content, got.broadcast) == ("one", "hello", True)

    def test_requeued_for_a_later_turn(self) -> None:
        def again(service: Any, message: Message) -> None:
            service.noted.append(message.content)
            if len(service.noted) == 1:
                service.client().requeue_message(message)

        with ipcm.service("one", Telling, on_general_message=again) as handle:
            with handle.batch():  # so that both come in one turn
                handle.client.send_message("one", "a")
                handle.client.send_message("one", "b")
            wait_until(lambda: handle.request(0) == ["a", "b", "a"])

    def test_unread_messages_are_handed_over(self) -> None:
        with ipcm.service("one", handle_request=double) as handle:
            reader = handle.bus.connect("reader")
            handle.client.send_message("reader", "unread")
            handle.client.flush(5)
            got: list[Message] = []
            left = reader.disconnect(got.extend)
            assert [message.content for message in got] == ["unread"]
            assert left == got
            assert reader.disconnect(got.extend) == []
            assert len(got) == 1

    def test_suspending_is_for_other_transports(self) -> None:
        with ipcm.spawn() as bus, bus.connect("x") as client:
            with pytest.raises(ipcm.UnsupportedError, match="cannot suspend"):
                client.suspend(5)
            with pytest.raises(ipcm.UnsupportedError, match="keeps no mail"):
                ipcm.reconnect("y", bus)


class TestCounts:
    def test_sent_and_read_per_peer(self) -> None:
        with ipcm.service("one", Telling, on_general_message=note) as handle:
            for n in range(3):
                handle.client.send_message("one", n)
            handle.request(0)
            assert handle.client.stats.sent == {"one": 4}
            assert handle.client.stats.read == {"one": 1}
            snapshot = handle.snapshot()  # which is nobody's traffic
            assert snapshot.read == {handle.name: 4}
            assert snapshot.sent == {handle.name: 1}
            assert handle.client.stats.sent == {"one": 4}
            assert handle.client.stats.read == {"one": 1}

    def test_what_was_sent_and_never_read(self) -> None:
        class Forwarding(Telling):
            def handle_request(self, request: Any, message: Message) -> Any:
                return self.peer("two").request(request.payload)

        with (
            ipcm.service("one", Forwarding) as handle,
            ipcm.service("two", handle_request=double, bus=handle.bus),
            handle.bus.connect("deaf") as deaf,
        ):
            assert handle.request(4) == 8
            assert handle.bus.sanity_delta(handle.client) == {}
            handle.client.send_message("deaf", "unread")
            assert handle.bus.sanity_delta(handle.client) == {}
            both = handle.bus.sanity_delta(handle.client, deaf)
            assert both == {f"{handle.name} -> deaf": 1}
            assert len(deaf.get_messages(5)) == 1
            assert handle.bus.sanity_delta(handle.client, deaf) == {}


class TestEnding:
    def test_its_signal_goes_to_services_first_and_to_nobody_else(self) -> None:
        read, write = os.pipe()
        seen: list[int] = []
        before = signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))
        try:
            with ipcm.spawn(signal="USR2") as bus, bus.connect("plain"):
                handle = ipcm.service(
                    "one",
                    handle_request=double,
                    bus=bus,
                    on_sig={"USR2": lambda service, sig: os.write(write, b"signal ") and None},
                    on_cleanup=lambda service: os.write(write, b"cleanup") and None,
                )
                bus.terminate()
                bus.wait(5)
                assert handle.wait(5) == 0
                handle.close()
            assert seen == []
        finally:
            signal.signal(signal.SIGUSR2, before)
            assert pipe_text(read, write) == "signal cleanup"

    def test_terminating_and_waiting(self) -> None:
        with ipcm.spawn() as bus, bus.connect("plain") as plain:
            handles = [ipcm.service(n, bus=bus, handle_request=double) for n in ("a", "b")]
            with pytest.raises(ipcm.RequestTimeout, match="not all services of the bus"):
                bus.wait(0.05)
            bus.terminate()
            bus.wait(5)
            assert bus.services() == []
            assert [handle.wait(5) for handle in handles] == [0, 0]
            assert plain.peers() == []
            for handle in handles:
                handle.close()

    def test_a_service_that_ends_its_bus_is_not_waited_for_nor_killed(self) -> None:
        def end(service: Any, request: Any, message: Message) -> str:
            ipcm.find_bus(service.ipcm_info).shutdown(grace=0.0)
            return "ended"

        with ipcm.spawn() as bus, ipcm.service("stop", handle_request=end, bus=bus) as handle:
            handle.send_request("stop", 1)  # the end of the bus may be read before its answer
            assert handle.wait(5) == 0

    def test_nor_are_two_that_end_it(self) -> None:
        def end(service: Any, *_: Any) -> None:
            ipcm.find_bus(service.ipcm_info).shutdown(grace=1.0)

        with (
            ipcm.spawn() as bus,
            ipcm.service("too", Telling, on_cleanup=end, bus=bus) as too,
            ipcm.service("stop", handle_request=end, bus=bus) as handle,
        ):
            handle.send_request("stop", 1)
            assert [too.wait(5), handle.wait(5)] == [0, 0]

    def test_one_in_another_thread_is_waited_for(self) -> None:
        class Thorough(Minimal):
            found: tuple[str, ...] = ()

            def run_on_cleanup(self) -> None:
                for _ in range(100):
                    self.found = *bus.services(), *self.found

        with ipcm.spawn() as bus, ThreadPoolExecutor() as pool, bus.connect("c") as client:
            service = Thorough("thread", bus.info, os.getpid(), None)
            running = pool.submit(service.run)
            assert client.peer_active("thread", 5)
            bus.shutdown()
            assert service.found == ("thread",) * 100
            assert running.result(5) == 0

    def test_where_that_holds_out_the_process_is_not_killed(self) -> None:
        let_go = threading.Event()

        class Stuck(Minimal):
            def run_on_cleanup(self) -> None:
                let_go.wait()

        with ipcm.spawn() as bus, ThreadPoolExecutor() as pool, bus.connect("c") as client:
            running = pool.submit(Stuck("thread", bus.info, os.getpid(), None).run)
            assert client.peer_active("thread", 5)
            bus.shutdown(grace=0.0)
            let_go.set()
            assert running.result(5) == 0

    def test_a_detached_bus_outlives_its_owner(self) -> None:
        read, write = os.pipe()
        owner = os.fork()
        if owner == 0:
            try:
                bus = ipcm.spawn()
                bus.detach()
                os.write(write, bus.info.encode() + b"\n")
            finally:
                os._exit(0)
        os.close(write)
        info = read_all(read, end=b"\n").decode()
        assert exit_of(owner) == 0
        bus = ipcm.find_bus(info)
        try:
            with bus.connect("late") as client:
                assert client.peers() == []
        finally:
            bus.shutdown()
        assert ipcm.buses() == []

    def test_a_kept_bus_ends_with_a_killed_owner(self) -> None:
        read, write = os.pipe()
        owner = os.fork()
        if owner == 0:
            try:
                handle = ipcm.service("kept", handle_request=double)
                os.write(write, f"{handle.service_pid}\n".encode())
                signal.pause()
            finally:
                os._exit(0)
        os.close(write)
        service = int(read_all(read, end=b"\n"))
        os.kill(owner, signal.SIGKILL)
        assert exit_of(owner) == -9
        wait_until(lambda: gone(service) and not ipcm.buses())
