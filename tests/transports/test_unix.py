"""The unix transport: who gets in, what bad input costs, what death leaves."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ipcm
from ipcm import Bus, Client
from ipcm._core.registry import Hello
from ipcm.transports.base import Limits
from ipcm.transports.unix.hello import VERSION
from tests.helpers import gone, wait_until


@pytest.fixture
def bus() -> Iterator[Bus]:
    with ipcm.spawn() as bus:
        yield bus


@pytest.fixture
def echo(bus: Bus) -> Iterator[ipcm.Handle]:
    with ipcm.service("echo", ipcm.EchoService, bus=bus) as handle:
        yield handle


def listener_of(bus: Bus, name: str) -> str:
    (path,) = Path(bus.route, "p").glob(f"{name}~*")
    return str(path)


def raw(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(path)
    return sock


def hung_up(sock: socket.socket) -> bool:
    try:
        return sock.recv(100) == b""
    except ConnectionResetError:
        return True


class TestBadInput:
    """Bad bytes cost their own connection, and nobody else anything."""

    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0\0\0\0",
            b"\xff\xff\xff\xff",
            struct.pack("!I", 3) + b"abc",
            struct.pack("!I", 1 << 20),
            struct.pack("!I", 100_000) + b"\x91" * 65_000,
        ],
    )
    def test_garbage_instead_of_a_hello(self, bus: Bus, echo: ipcm.Handle, data: bytes) -> None:
        with raw(listener_of(bus, "echo")) as sock:
            sock.sendall(data)
            assert hung_up(sock)
        with raw(f"{bus.route}/r") as sock:
            sock.sendall(data[:4] + data)
            sock.shutdown(socket.SHUT_WR)
            assert hung_up(sock)
        assert echo.request("still there") == "still there"

    def test_a_truncated_frame_and_death_do_not_spin(self, bus: Bus, echo: ipcm.Handle) -> None:
        echo.request(1)
        turns = echo.snapshot().turns
        with raw(listener_of(bus, "echo")) as sock:
            sock.sendall(struct.pack("!I", 100) + b"half")
        echo.request(2)
        assert echo.snapshot().turns < turns + 10

    def test_a_forged_hello(self, bus: Bus, echo: ipcm.Handle) -> None:
        import msgspec

        with bus.connect("honest") as honest:
            hello = Hello(VERSION, "honest", honest.incarnation, b"guess", False)
            body = msgspec.msgpack.encode(hello)
            with raw(listener_of(bus, "echo")) as sock:
                sock.sendall(struct.pack("!I", len(body)) + body)
                assert hung_up(sock)
        assert echo.request(1) == 1

    def test_another_process_cannot_use_a_token(self, bus: Bus, echo: ipcm.Handle) -> None:
        """The hello of a peer is worth nothing in the hands of another process."""
        with bus.connect("honest") as honest:
            frame = honest.port._introduction.frame  # type: ignore[attr-defined]
            child = os.fork()
            if child == 0:
                with raw(listener_of(bus, "echo")) as sock:
                    sock.sendall(frame)
                    os._exit(0 if hung_up(sock) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_silence_costs_the_connection_after_the_deadline(self, bus: Bus) -> None:
        with bus.connect("patient") as client:
            client.port._limits = Limits(hello=0.1)  # type: ignore[attr-defined]
            with raw(listener_of(bus, "patient")) as sock:
                client.get_messages(0.3)
                assert hung_up(sock)

    def test_strangers_are_bounded(self, bus: Bus, echo: ipcm.Handle) -> None:
        path = listener_of(bus, "echo")
        socks = [raw(path) for _ in range(80)]
        echo.request("they are accepted now")
        cut = 0
        for sock in socks:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                cut += sock.recv(1) == b""
            sock.close()
        assert cut == 80 + 1 - 64  # and the asker itself, before its hello
        assert echo.request(1) == 1

    def test_the_silent_do_not_lock_others_out(self, bus: Bus, echo: ipcm.Handle) -> None:
        path = listener_of(bus, "echo")
        socks = [raw(path) for _ in range(200)]
        with bus.connect("honest") as honest:
            assert honest.request("echo", "let me in", 5) == "let me in"
        for sock in socks:
            sock.close()

    def test_a_large_first_message_comes_with_the_hello(self, bus: Bus, echo: ipcm.Handle) -> None:
        large = "x" * 100_000
        for name in ("one", "two", "three"):
            with bus.connect(name) as client:
                assert client.request("echo", large, 5) == large

    def test_too_large_a_message(self, bus: Bus, echo: ipcm.Handle) -> None:
        with pytest.raises(ipcm.MessageTooLarge) as caught:
            echo.request(b"x" * (17 << 20))
        assert caught.value.size > caught.value.limit == 16 << 20
        assert echo.request(1) == 1

    def test_a_frame_up_to_the_cap_goes_through(self, bus: Bus, echo: ipcm.Handle) -> None:
        big = b"x" * ((16 << 20) - 100)
        assert echo.request(big) == big

    @pytest.mark.parametrize("content", [object(), {1, object()}, 1 << 70, "\ud800", lambda: 1])
    def test_content_that_cannot_be_carried(self, echo: ipcm.Handle, content: Any) -> None:
        with pytest.raises(ipcm.ContentError):
            echo.request(content)
        assert echo.request(1) == 1

    def test_content_nested_without_end(self, echo: ipcm.Handle) -> None:
        endless: list[Any] = []
        endless.append(endless)
        with pytest.raises(ipcm.ContentError, match="nested"):
            echo.request(endless)
        deep: list[Any] = []
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(ipcm.ContentError, match="nested"):
            echo.request(deep)


class TestNames:
    def test_a_live_name_is_refused(self, bus: Bus) -> None:
        with bus.connect("one"), pytest.raises(ipcm.NameTaken) as caught:
            bus.connect("one")
        assert caught.value.pid == os.getpid()
        with bus.connect("one"):
            pass

    def test_a_dead_name_is_taken_over_at_once(self, bus: Bus) -> None:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            bus.connect("phoenix")
            os.write(write, b"x")
            signal.pause()
        os.read(read, 1)
        os.close(read)
        os.close(write)
        os.kill(child, signal.SIGKILL)
        with bus.connect("phoenix") as client:
            assert client.peers() == []
        os.waitpid(child, 0)

    def test_one_of_twenty_wins(self, bus: Bus) -> None:
        read, write = os.pipe()
        children = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os.close(write)
                os.read(read, 1)  # until the starting gun
                try:
                    with bus.connect("winner"):
                        time.sleep(0.5)
                        os._exit(1)
                except ipcm.NameTaken:
                    os._exit(0)
            children.append(child)
        os.close(write)
        os.close(read)
        exits = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        assert sorted(exits) == [0] * 19 + [1]

    @pytest.mark.parametrize("name", ["with space", "x" * 10_000, "😀" * 500, "a.b~c", ".."])
    def test_odd_names_work(self, bus: Bus, name: str) -> None:
        with bus.connect(name) as client, bus.connect("plain") as other:
            other.send_message(name, "hi")
            (message,) = client.get_messages(5)
            assert (message.to, message.sender) == (name, "plain")
            client.send_message("plain", "back")
            assert other.get_messages(5)[0].sender == name

    @pytest.mark.parametrize("name", ["", "_x", "a/b", "a\0b", "a\nb"])
    def test_bad_names_are_refused(self, bus: Bus, name: str) -> None:
        with pytest.raises(ipcm.InvalidName):
            bus.connect(name)

    def test_the_bus_s_path_may_be_long(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = tmp_path / ("d" * 200) / "r"
        place.parent.mkdir()
        monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
        with ipcm.service("echo", ipcm.EchoService) as handle:
            assert handle.request(1) == 1
            assert len(handle.bus.route) > 200
        assert list(place.iterdir()) == []


class TestDirectory:
    @pytest.fixture
    def place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        place = tmp_path / "r"
        monkeypatch.setenv("IPCM_RUNTIME_DIR", str(place))
        return place

    def test_others_may_enter(self, place: Path) -> None:
        place.mkdir()
        place.chmod(0o755)
        with pytest.raises(ipcm.InsecureDirectory, match="chmod 700"):
            ipcm.spawn()
        assert ipcm.buses() == []

    def test_a_planted_link(self, place: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ipcm.InsecureDirectory, match="symbolic link"):
            ipcm.spawn()

    def test_a_link_in_the_place_of_the_bus(self, place: Path, tmp_path: Path) -> None:
        place.mkdir(mode=0o700)
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (place / "mine").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ipcm.InsecureDirectory, match="symbolic link"):
            ipcm.spawn("mine")
        assert (tmp_path / "elsewhere").is_dir()

    def test_a_file_in_its_place(self, place: Path) -> None:
        place.write_text("")
        with pytest.raises(ipcm.InsecureDirectory, match="not a directory"):
            ipcm.spawn()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    def test_somebody_else_s(self, place: Path) -> None:
        place.mkdir(mode=0o700)
        os.chown(place, 12345, 12345)
        with pytest.raises(ipcm.InsecureDirectory, match="belongs to user 12345"):
            ipcm.spawn()

    def test_leftovers_of_a_dead_bus_are_swept(self, place: Path) -> None:
        with ipcm.spawn("old"):
            copy = place / "stale"
            os.system(f"cp -r {place}/old {copy}")
        assert [bus.name for bus in ipcm.buses()] == []
        assert not copy.exists()

    def test_a_bus_name_is_unique_while_it_lives(self, place: Path) -> None:
        with ipcm.spawn("only"), pytest.raises(ipcm.NameTaken):
            ipcm.spawn("only")
        with ipcm.spawn("only") as again:
            assert ipcm.find_bus().name == "only" == again.name


class TestDeath:
    def test_the_last_words_come_before_the_departure(self, bus: Bus) -> None:
        with bus.connect("listener") as listener:
            listener.port.subscribe()
            child = os.fork()
            if child == 0:
                dying = bus.connect("dying")
                for n in range(100):
                    dying.send_message("listener", n)
                os.kill(os.getpid(), signal.SIGKILL)
            os.waitpid(child, 0)
            got: list[int] = []
            while len(got) < 100:
                messages = listener.get_messages(5)
                assert messages
                got += [message.content for message in messages]
            assert got == list(range(100))
            assert listener.peers() == []

    def test_death_is_seen_fast(self, bus: Bus) -> None:
        with bus.observe() as observer:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                short = bus.connect("short")
                os.write(write, short.name.encode())
                signal.pause()
            os.read(read, 1)
            os.close(read)
            os.close(write)
            wait_until(lambda: observer.poll() is not None and "short" in observer.presence)
            os.kill(child, signal.SIGKILL)
            before = time.monotonic()
            (event,) = observer.poll(5)
            assert time.monotonic() - before < 1
            assert isinstance(event, ipcm.PeerEvent)
            assert (event.peer, event.change) == ("short", -1)
            os.waitpid(child, 0)

    def test_a_killed_registrar_is_replaced_and_messages_flow_on(
        self, bus: Bus, echo: ipcm.Handle
    ) -> None:
        assert echo.request(1) == 1
        keeper = bus._record.keeper_pid
        assert keeper is not None
        os.kill(keeper, signal.SIGKILL)
        assert echo.request(2) == 2
        os.waitpid(keeper, 0)
        with bus.connect("new") as client:
            assert client.request("echo", 3) == 3
        with pytest.raises(ipcm.ServiceStartError, match="already has the name"):
            ipcm.service("echo", ipcm.EchoService, bus=bus)
        assert echo.service_pid is not None
        os.kill(echo.service_pid, signal.SIGKILL)
        with pytest.raises((ipcm.PeerGone, ipcm.NoSuchPeer)):
            echo.request(4, timeout=5)

    def test_a_guarded_bus_ends_with_its_owner(self) -> None:
        read, write = os.pipe()
        owner = os.fork()
        if owner == 0:
            ipcm.spawn("guarded")
            os.write(write, b"x")
            signal.pause()
        os.read(read, 1)
        os.close(read)
        os.close(write)
        keeper = ipcm.find_bus("guarded")._record.keeper_pid
        assert keeper is not None
        os.kill(owner, signal.SIGKILL)
        os.waitpid(owner, 0)
        wait_until(lambda: gone(keeper), limit=2)
        assert ipcm.buses() == []

    def test_an_unguarded_bus_outlives_its_owner(self) -> None:
        owner = os.fork()
        if owner == 0:
            ipcm.spawn("free", guard=False)
            os._exit(0)
        os.waitpid(owner, 0)
        bus = ipcm.find_bus("free")
        with bus.connect("visitor") as client:
            assert client.peers() == []
        keeper = bus._record.keeper_pid
        bus.shutdown()
        assert ipcm.buses() == []
        assert keeper is not None
        wait_until(lambda: gone(keeper), limit=2)


class TestPresence:
    def test_news_that_comes_beside_an_answer_waits_for_no_other_news(self, bus: Bus) -> None:
        with bus.connect("first") as client:
            port = client.port
            port.subscribe()
            with bus.connect("second"):
                # Its answer comes behind the word that the second has come.
                port._members.list_peers()  # type: ignore[attr-defined]
                assert port.deadline == 0
                began = time.monotonic()
                port.receive(5)
                assert time.monotonic() - began < 3
                assert [(c.what, c.peer and c.peer.name) for c in port.changes] == [
                    ("joined", "second")
                ]


class TestFlow:
    def test_order_holds_through_queues_and_partial_writes(self, bus: Bus) -> None:
        with bus.connect("from") as sender, bus.connect("to") as receiver:
            payloads = [b"x" * (n % 7 * 9000) for n in range(300)]
            got: list[bytes] = []
            for n, payload in enumerate(payloads):
                sender.send_message("to", [n, payload])
                if n % 50 == 49:
                    got += [m.content for m in receiver.get_messages()]
            assert sender.port.backlog().get("to", 0) >= 0
            deadline = time.monotonic() + 10
            while len(got) < 300 and time.monotonic() < deadline:
                sender.flush(0.01)
                got += [m.content for m in receiver.get_messages(0.01)]
            assert [n for n, _ in got] == list(range(300))  # type: ignore[misc]
            assert [payload for _, payload in got] == payloads  # type: ignore[misc]

    def test_a_peer_that_does_not_read_means_backpressure_for_its_sender_only(
        self, bus: Bus, echo: ipcm.Handle
    ) -> None:
        with bus.connect("from") as sender, bus.connect("stuck"):
            with pytest.raises(ipcm.Backpressure) as caught:
                for _ in range(100):
                    sender.send_message("stuck", b"x" * (1 << 20))
            assert caught.value.queued <= caught.value.limit == 64 << 20
            assert sender.request("echo", 1) == 1
            assert not sender.flush(0.05)

    def test_both_dial_at_once(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b:
            a.send_message("b", 1)
            b.send_message("a", 2)
            a.send_message("b", 3)
            b.send_message("a", 4)
            assert [m.content for m in b.get_messages(5)] == [1, 3]
            assert [m.content for m in a.get_messages(5)] == [2, 4]
            a.send_message("b", 5)
            assert [m.content for m in b.get_messages(5)] == [5]

    def test_broadcast_tells_how_it_went_for_each(self, bus: Bus) -> None:
        with bus.connect("a") as a, bus.connect("b") as b, bus.connect("c") as c, bus.observe():
            results = a.broadcast("all")
            assert set(results) == {"b", "c"}
            assert all(results.values())
            for client in (b, c):
                (got,) = client.get_messages(5)
                assert (got.content, got.broadcast, got.kind) == ("all", True, "general")

    def test_unknown_peer_lists_those_who_are_there(self, bus: Bus, echo: ipcm.Handle) -> None:
        with bus.connect("a") as a, pytest.raises(ipcm.NoSuchPeer) as caught:
            a.send_message("nobody", 1)
        assert caught.value.found == ["echo"]
        with bus.connect("a") as a:
            outcome = a.try_message("nobody", 1)
            assert not outcome
            assert isinstance(outcome.err, ipcm.NoSuchPeer)

    def test_unread_messages_are_handed_over(self, bus: Bus) -> None:
        handed: list[Any] = []
        with bus.connect("a") as a:
            b = bus.connect("b")
            a.send_message("b", "unread")
            b.requeue_message(ipcm.Message(1, "a", "b", "again"))
            b.disconnect(lambda messages: handed.extend(m.content for m in messages))
        assert sorted(handed) == ["again", "unread"]

    def test_many_descriptors_used_up(self, bus: Bus, echo: ipcm.Handle) -> None:
        import resource

        echo.request(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                bus.connect("one too many")
            assert echo.request(2) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with bus.connect("fits"):
            pass


class TestUse:
    def test_in_a_forked_child(self, bus: Bus) -> None:
        with bus.connect("parent") as client:
            child = os.fork()
            if child == 0:
                try:
                    client.send_message("parent", 1)
                except ipcm.WrongProcess:
                    client.disconnect()
                    os._exit(0)
                os._exit(1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert client.peers() == []

    def test_by_two_threads_at_once(self, bus: Bus) -> None:
        import threading

        with bus.connect("shared") as client:
            waiting = threading.Thread(target=client.get_messages, args=(5,))
            waiting.start()
            caught: list[Exception] = []

            def try_it() -> bool:
                try:
                    client.peers()
                except ipcm.ConcurrentUse as error:
                    caught.append(error)
                return bool(caught)

            wait_until(try_it)
            with bus.connect("waker") as waker:
                waker.send_message("shared", "end")
                waiting.join()

    def test_after_the_end(self, bus: Bus) -> None:
        client: Client = bus.connect("brief")
        client.disconnect()
        client.disconnect()
        with pytest.raises(ipcm.UsageError, match="disconnected"):
            client.peers()

    def test_a_bus_that_ended(self) -> None:
        bus = ipcm.spawn("brief")
        client = bus.connect("left")
        info = bus.info
        bus.shutdown()
        bus.shutdown()
        with pytest.raises(ipcm.BusGone):
            client.get_messages(5)
        with pytest.raises(ipcm.BusGone):
            client.peers()
        client.disconnect()
        with pytest.raises(ipcm.BusGone):
            ipcm.connect("late", info)
        with pytest.raises(ipcm.NoSuchBus, match="brief"):
            ipcm.connect("late", "brief")

    @pytest.mark.parametrize("info", ["[", "[]", '["a"]', '["unix", "msgpack", ""]', "[1, 2, 3]"])
    def test_bad_info(self, info: str) -> None:
        with pytest.raises(ipcm.BadBusInfo):
            ipcm.connect("x", info)

    def test_unknown_transport_and_serializer(self) -> None:
        with pytest.raises(ipcm.BadBusInfo, match="did you mean 'unix'"):
            ipcm.spawn(transport="unxi")
        with pytest.raises(ipcm.BadBusInfo, match="known: msgpack, json"):
            ipcm.spawn(serializer="pickle")

    @pytest.mark.parametrize("serializer", ["msgpack", "json"])
    def test_serializers(self, serializer: str) -> None:
        payload = {"a": [1, 2.5, None, True, "é"], "b": {}}
        with (
            ipcm.spawn(serializer=serializer) as bus,
            ipcm.service("echo", ipcm.EchoService, bus=bus) as handle,
        ):
            assert handle.request(payload) == payload
