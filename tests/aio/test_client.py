"""Clients and handles of an event loop: many requests at once, cancelled, late, without answer."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

import ipcm
import ipcm.aio
from tests.aio.conftest import Run
from tests.aio.services import Worked

LIMIT = 10.0


class TestOpening:
    def test_awaited_or_entered_or_both(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as client:
                assert client.name == "a"
                assert await client.peers() == ["worked"]
            async with await ipcm.aio.connect("a", bus.name) as client:
                assert await client.peer_exists("worked")
            client = await ipcm.aio.connect("a", bus.info)
            assert not client.disconnected
            await client.disconnect()
            assert client.disconnected
            assert await client.disconnect() == []

        run(main())

    def test_errors_come_when_it_is_awaited(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            with pytest.raises(ipcm.NameTaken):
                await ipcm.aio.connect("worked", bus)
            with pytest.raises(ipcm.NoSuchPeer, match="worked"):
                async with ipcm.aio.attach("wroked", bus):
                    pass
            with pytest.raises(ipcm.NoSuchBus):
                await ipcm.aio.observe("nowhere")

        run(main())

    def test_a_handle_shows_itself_as_any_handle(
        self, run: Run, bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ipcm.console.cards._PATIENCE", LIMIT)

        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                asking = asyncio.create_task(handle.call("double", x=4))
                await asyncio.sleep(0)
                shown = handle._repr_mimebundle_()
                assert shown["text/plain"] == repr(handle)
                assert "running" in shown["text/html"]
                assert handle._repr_html_().startswith("<")
                assert await asking == 8
            assert "is closed" in handle._repr_html_()

        run(main())

    def test_of_this_loop_only(self, bus: ipcm.Bus) -> None:
        with asyncio.Runner() as one, asyncio.Runner() as other:

            async def open() -> ipcm.aio.AsyncClient:
                return await ipcm.aio.connect("a", bus)

            client = one.run(open())
            with pytest.raises(ipcm.UsageError, match="another event loop"):
                other.run(client.peers())
            one.run(client.disconnect())

    def test_needs_a_running_loop(self, bus: ipcm.Bus) -> None:
        with ipcm.connect("a", bus) as client, pytest.raises(RuntimeError, match="no running"):
            ipcm.aio.AsyncClient(client)


class TestRequests:
    def test_gathered_by_the_hundred_on_one_connection(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                got = await asyncio.gather(*(handle.call("double", x=n) for n in range(500)))
                assert got == [2 * n for n in range(500)]
                with handle.batch():
                    tasks = [asyncio.create_task(handle.call("double", x=n)) for n in range(300)]
                    await asyncio.sleep(0)
                assert await asyncio.gather(*tasks) == [2 * n for n in range(300)]
                snapshot = await handle.snapshot()
                assert snapshot.requests.received == 800
                assert snapshot.clients.keys() == {handle.name}

        run(main())

    def test_who_awaits_in_a_batch_is_answered(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                with handle.batch():
                    assert await handle.call("double", x=1) == 2
                    asked = [handle.call("double", x=n) for n in range(100)]
                    assert await asyncio.gather(*asked) == [2 * n for n in range(100)]

        run(main())

    def test_answers_come_as_they_are_ready(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                held = asyncio.create_task(handle.request("hold"))
                await asyncio.sleep(0)
                assert await handle.call("double", x=1) == 2
                assert not held.done()
                assert await handle.call("release") == 1
                assert await held == "released"

        run(main())

    def test_the_loop_goes_on_meanwhile(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                pid = await handle.client.peer_pid("worked")
                assert pid is not None
                os.kill(pid, signal.SIGSTOP)
                try:
                    asked = asyncio.create_task(handle.call("double", x=1))
                    for _ in range(100):
                        await asyncio.sleep(0)
                    assert not asked.done()
                finally:
                    os.kill(pid, signal.SIGCONT)
                assert await asked == 2

        run(main())

    def test_a_remote_error(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                with pytest.raises(ipcm.RemoteError, match="on purpose"):
                    await handle.call("fail")
                response = await handle.sync_request("worked", {"endpoint": "fail"})
                assert not response.ok and response.error == "on purpose"

        run(main())

    def test_nobody_there(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as client:
                with pytest.raises(ipcm.NoSuchPeer):
                    await client.request("nobody", 1)
                outcome = await client.try_message("nobody", 1)
                assert isinstance(outcome.err, ipcm.NoSuchPeer)

        run(main())

    def test_out_of_time(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                begun = time.monotonic()
                with pytest.raises(ipcm.RequestTimeout) as caught:
                    await handle.request("hold", timeout=0.1)
                assert time.monotonic() - begun >= 0.1
                assert caught.value.timeout == 0.1
                # Of several the one that is due first ends first.
                late = asyncio.create_task(handle.request("hold", timeout=None))
                with pytest.raises(ipcm.RequestTimeout):
                    await handle.request("hold", timeout=0.05)
                await handle.call("release")
                assert await late == "released"

        run(main())

    def test_cancelled_it_is_forgotten_and_its_answer_dropped(
        self, run: Run, bus: ipcm.Bus
    ) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await handle.request("hold")
                task = asyncio.create_task(handle.request("hold"))
                while await handle.call("holding") < 2:
                    pass
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                table = handle.client._sync.requests
                assert not table.open and not table.done
                assert await handle.call("release") == 2
                await handle.call("double", x=1)
                assert table.dropped == 2
                assert not table.open and not table.done

        run(main())

    def test_of_one_that_dies(self, run: Run) -> None:
        async def main(bus: ipcm.Bus) -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                asked = [asyncio.create_task(handle.request("hold")) for _ in range(3)]
                while await handle.call("holding") < 3:
                    pass
                with pytest.raises(ipcm.PeerGone):
                    await handle.call("die")
                ends = await asyncio.gather(*asked, return_exceptions=True)
                assert all(isinstance(end, ipcm.PeerGone) for end in ends)

        with ipcm.spawn() as bus, ipcm.service("worked", Worked, bus=bus):
            run(main(bus))

    def test_when_the_bus_ends(self, run: Run) -> None:
        async def main(bus: ipcm.Bus) -> None:
            async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
                waiting = asyncio.create_task(b.get_messages(None))
                asked = asyncio.create_task(a.request("worked", "hold", None))
                await asyncio.sleep(0)
                bus.shutdown()
                with pytest.raises((ipcm.BusGone, ipcm.PeerGone)):
                    await asked
                with pytest.raises(ipcm.BusGone):
                    await waiting
                with pytest.raises(ipcm.IPCMError):
                    await a.request("worked", 1)

        with ipcm.spawn() as bus, ipcm.service("worked", Worked, bus=bus):
            run(main(bus))

    def test_disconnected_meanwhile(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            client = await ipcm.aio.connect("a", bus)
            asked = asyncio.create_task(client.request("worked", "hold"))
            waiting = asyncio.create_task(client.get_messages(None))
            await asyncio.sleep(0)
            await client.disconnect()
            for task in (asked, waiting):
                with pytest.raises(ipcm.UsageError, match="disconnected"):
                    await task
            with pytest.raises(ipcm.UsageError, match="disconnected"):
                await client.request("worked", 1)

        run(main())

    def test_sent_now_and_answered_later(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.attach("worked", bus) as handle:
                called: list[Any] = []
                ask = {"endpoint": "double", "args": {"x": 4}}
                await handle.send_request(
                    "worked", ask, lambda response, message: called.append(response.payload)
                )
                kept = await handle.send_request("worked", ask)
                awaited = await handle.send_request("worked", ask)
                assert (await handle.await_response(awaited)).payload == 8
                await handle.await_all_responses(LIMIT)
                assert called == [8]
                response = await handle.get_response(kept)
                assert response is not None and response.payload == 8
                with pytest.raises(ipcm.UsageError, match="not open"):
                    await handle.await_response(kept)
                held = await handle.send_request("worked", "hold")
                assert await handle.get_response(held) is None
                with pytest.raises(ipcm.RequestTimeout):
                    await handle.await_response(held, 0.05)
                with pytest.raises(ipcm.RequestTimeout):
                    await handle.send_request("worked", "hold", timeout=60)
                    await handle.await_all_responses(0.05)

        run(main())

    def test_a_callback_that_fails_takes_no_other_with_it(self, bus: ipcm.Bus) -> None:
        told: list[Any] = []

        def fail(response: Any, message: Any) -> None:
            raise ValueError("in a callback")

        async def main() -> None:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
            async with ipcm.aio.attach("worked", bus) as handle:
                ask = {"endpoint": "double", "args": {"x": 4}}
                with handle.batch():
                    await handle.send_request("worked", ask, fail)
                    other = asyncio.create_task(handle.request(ask))
                    await asyncio.sleep(0)
                assert await other == 8
                await handle.await_all_responses(LIMIT)

        asyncio.run(main())
        assert [str(error) for error in told] == ["in a callback"]


class TestMessages:
    def test_waited_for_and_iterated(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
                assert await b.get_messages() == []
                assert await b.get_messages(0.02) == []
                waiting = asyncio.create_task(b.get_messages(None))
                await asyncio.sleep(0)
                await a.send_message("b", "one")
                assert [message.content for message in await waiting] == ["one"]
                for n in range(1000):
                    await a.send_message("b", n)
                got = []
                async for message in b:
                    got.append(message.content)
                    if len(got) == 1000:
                        break
                assert got == list(range(1000))
                assert (await a.broadcast("all")).keys() == {"b", "worked"}
                assert [m.content for m in await b.get_messages(LIMIT)] == ["all"]

        run(main())

    def test_larger_than_the_kernel_takes(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
                for n in range(4):
                    await a.send_message("b", bytes([n]) * (4 << 20))
                assert a._sync.port.backlog()
                got: list[Any] = []
                while len(got) < 4:
                    got += [message.content for message in await b.get_messages(LIMIT)]
                assert [(part[0], len(part)) for part in got] == [(n, 4 << 20) for n in range(4)]
                assert await a.flush(LIMIT)

        run(main())

    def test_two_that_flush_to_each_other(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
                for sender, to in ((a, "b"), (b, "a")):
                    while not sender._sync.port.backlog():
                        await sender.send_message(to, b"x" * (4 << 20))
                assert await asyncio.gather(a.flush(LIMIT), b.flush(LIMIT)) == [True, True]

        run(main())

    def test_what_is_not_fetched_is_not_read_either(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
                sent = 0
                for _ in range(200):
                    await a.send_message("b", b"x" * 65536)
                    sent += 1
                    await asyncio.sleep(0)
                await asyncio.sleep(0.05)
                assert len(b._sync.inbox) < 50
                assert a._sync.port.backlog()
                got: list[Any] = []
                while len(got) < sent:
                    got += await b.get_messages(LIMIT)
                assert len(got) == sent

        run(main())

    def test_what_waits_goes_on_while_nothing_is_read(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as a, ipcm.aio.connect("b", bus) as b:
                await b.send_message("a", "not fetched")
                async with asyncio.timeout(LIMIT):
                    while not a._sync.inbox:
                        await asyncio.sleep(0.001)
                await a.send_message("b", b"x" * (8 << 20))
                (got,) = await b.get_messages(LIMIT)
                assert len(got.content) == 8 << 20

        run(main())

    def test_requeued_and_handed_over_at_the_end(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            a = await ipcm.aio.connect("a", bus)
            async with ipcm.aio.connect("b", bus) as b:
                await b.send_message("a", "x")
            (message,) = await a.get_messages(LIMIT)
            await a.requeue_message(message)
            assert await a.poll()
            handed: list[Any] = []
            assert await a.disconnect(handed.extend) == [message] == handed

        run(main())

    def test_one_that_does_not_read(self, run: Run, bus: ipcm.Bus) -> None:
        async def main() -> None:
            async with ipcm.aio.connect("a", bus) as a:
                pid = await a.peer_pid("worked")
                assert pid is not None
                os.kill(pid, signal.SIGSTOP)
                try:
                    with pytest.raises(ipcm.Backpressure):
                        while True:
                            await a.send_message("worked", b"x" * (8 << 20))
                    assert not await a.flush(0.02)
                    begun = time.monotonic()
                    await a.disconnect(flush=0.1)
                    assert time.monotonic() - begun < LIMIT / 2
                finally:
                    os.kill(pid, signal.SIGCONT)

        run(main())


def test_idle_it_costs_nothing(bus: ipcm.Bus) -> None:
    async def main() -> None:
        async with ipcm.aio.attach("worked", bus) as handle, ipcm.aio.observe(bus) as observer:
            assert await observer.ready(LIMIT)
            await handle.call("double", x=1)
            async with asyncio.timeout(LIMIT):
                async for event in observer:
                    # The end of what is told of the call: from here on there is nothing to tell.
                    if isinstance(event, ipcm.TurnEvent) and event.messages:
                        break
            turns = 0
            for driven in (handle.client, observer):
                turn = driven._turn

                def counted(turn: Any = turn) -> None:
                    nonlocal turns
                    turns += 1
                    turn()

                driven._turn = counted  # type: ignore[method-assign]
                driven._read(-1)
                driven._listen()
            await asyncio.sleep(0.2)
            assert turns <= 2

    asyncio.run(main())


def test_blocking_callbacks_behind_one_that_raises_are_called_later(bus: ipcm.Bus) -> None:
    called: list[int] = []

    def callback(response: Any, message: Any) -> None:
        called.append(response.payload)
        if len(called) == 1:
            raise ValueError("in a callback")

    with ipcm.attach("worked", bus) as handle:
        with handle.batch():
            for x in (1, 2, 3):
                handle.send_request("worked", {"endpoint": "double", "args": {"x": x}}, callback)
        with pytest.raises(ValueError, match="in a callback"):
            handle.await_all_responses(LIMIT)
        deadline = time.monotonic() + LIMIT
        while len(called) < 3 and time.monotonic() < deadline:
            handle.poll(0.1)
        assert called == [2, 4, 6]


def test_closed_in_another_loop_only_where_its_own_has_ended(run: Run, bus: Any) -> None:
    async def open_all() -> tuple[Any, Any, Any]:
        return (
            await ipcm.aio.connect("one", bus),
            await ipcm.aio.observe(bus),
            await ipcm.aio.attach("worked", bus),
        )

    async def close_all(client: Any, observer: Any, handle: Any) -> None:
        for _ in range(2):
            await client.disconnect()
            await observer.close()
            await handle.close()

    async def refused(client: Any, observer: Any, handle: Any) -> None:
        for close in (client.disconnect, observer.close, handle.close):
            with pytest.raises(ipcm.UsageError, match="another event loop"):
                await close()

    async def main() -> None:
        opened = await open_all()
        await asyncio.to_thread(lambda: asyncio.run(refused(*opened)))
        client, observer, handle = opened
        assert await client.call("worked", "double", x=2) == 4
        assert await observer.ready(LIMIT)
        assert await handle.call("double", x=3) == 6
        await close_all(*opened)

    run(main())
    opened = run(open_all())
    run(close_all(*opened))
    assert bus.peers() == ["worked"]
