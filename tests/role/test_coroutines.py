"""Handlers that are coroutines: many at once, while the service goes on with all else."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import resource
import select
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import DEFERRED, Message, Request, Service
from tests.helpers import gone, wait_until
from tests.role.consumers import Minimal, Telling

CALLER: contextvars.ContextVar[str] = contextvars.ContextVar("CALLER", default="nobody")


class Working(Telling):
    """Does as it is told by name, and notes what became of it."""

    async def handle_request(self, request: Request, message: Message) -> Any:
        work = getattr(self, f"do_{request.payload}", None)
        return self.noted if work is None else await work(request)

    async def do_forever(self, request: Request) -> None:
        self.noted.append("begun")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.noted.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0.01)
            self.noted.append("cleaned up")

    async def do_meet(self, request: Request) -> int:
        """Ends once there are three of them."""
        self.waiting = [*getattr(self, "waiting", []), asyncio.Event()]
        here = len(self.waiting)
        if here == 3:
            for event in self.waiting:
                event.set()
        await self.waiting[here - 1].wait()
        return here

    async def do_fail(self, request: Request) -> None:
        await asyncio.sleep(0)
        raise ValueError("secret detail")

    async def do_cancel_itself(self, request: Request) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    async def do_defer(self, request: Request) -> Any:
        async def later() -> None:
            await asyncio.sleep(0.01)
            self.send_response(request.sender, request.id, "from a task of its own")

        self.later = asyncio.create_task(later())
        return DEFERRED

    async def do_twice(self, request: Request) -> str:
        self.send_response(request.sender, request.id, "first")
        return "second"

    async def do_shell(self, request: Request) -> int:
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 5")
        return await process.wait()


def noted(handle: ipcm.Handle) -> Any:
    return handle.request("noted")


def test_several_at_once() -> None:
    with ipcm.service("works", Working) as handle:
        ids = [handle.send_request("works", "meet") for _ in range(3)]
        assert [handle.await_response(id, 5).payload for id in ids] == [1, 2, 3]


def test_an_async_endpoint() -> None:
    class Calm(Service):
        @ipcm.endpoint
        async def nap(self, seconds: float) -> str:
            self.woken = asyncio.Event()
            await asyncio.sleep(seconds)
            await self.woken.wait()
            return f"slept {seconds:g}"

        @ipcm.endpoint
        def now(self) -> str:
            return "now"

        @ipcm.endpoint
        async def wake(self) -> None:
            self.woken.set()

    with ipcm.service("calm", Calm) as handle:
        id = handle.send_request("calm", {"endpoint": "nap", "args": {"seconds": 0.01}})
        assert handle.call("now") == "now"
        assert handle.get_response(id) is None
        handle.call("wake")
        assert handle.await_response(id, 5).payload == "slept 0.01"
        with pytest.raises(ipcm.RemoteError, match="bad arguments"):
            handle.call("nap", seconds="long")


def test_on_the_role_itself() -> None:
    class Slow(Minimal):
        async def handle_request(self, request: Request, message: Message) -> Any:
            await asyncio.sleep(0)
            return request.payload

    with ipcm.service("slow", Slow) as handle:
        assert handle.request(4) == 4


@pytest.mark.parametrize("how", ["leaves", "dies", "waits no more"])
def test_cancelled_when_nobody_waits_any_more(how: str) -> None:
    with ipcm.service("works", Working) as handle:
        if how == "waits no more":

            def given_up() -> Any:
                with pytest.raises(ipcm.RequestTimeout):
                    handle.request("forever", timeout=0.1)
                return noted(handle)

            wait_until(given_up)  # where its time was over before it began, nothing is cancelled
        elif how == "leaves":
            with handle.bus.connect("asker") as asker:
                asker.send_request("works", "forever")
                wait_until(lambda: noted(handle) == ["begun"])
        else:
            bus = handle.bus.info
            asking = os.fork()
            if asking == 0:
                client = ipcm.connect("asker", bus)
                client.send_request("works", "forever")
                signal.pause()
            wait_until(lambda: noted(handle) == ["begun"])
            os.kill(asking, signal.SIGKILL)
            os.waitpid(asking, 0)
        wait_until(lambda: noted(handle) == ["begun", "cancelled", "cleaned up"])
        assert handle.snapshot().requests.open == 0
        assert handle.snapshot().errors == []


def test_a_time_out_wakes_a_service_that_sleeps(tmp_path: Any) -> None:
    class Telling2(Working):
        async def do_forever(self, request: Request) -> None:
            try:
                await super().do_forever(request)
            finally:
                (tmp_path / "cancelled").touch()

    with ipcm.service("works", Telling2) as handle:
        handle.send_request("works", "forever", timeout=0.5)
        wait_until((tmp_path / "cancelled").exists)


class Late(Working):
    """Does things when the service has gone to sleep, and nothing else wakes it."""

    async def do_ask(self, request: Request) -> str:
        await asyncio.sleep(0.05)
        end = asyncio.get_running_loop().create_future()
        self.send_request("works", 1, lambda answer, _: end.set_result(answer.error), timeout=0.05)
        return str(await end)

    async def do_look(self, request: Request) -> None:
        await asyncio.sleep(0.05)
        self.client().send_message(request.sender, "ask me")
        select.select([self.client()], [], [], 10)
        self.client().peers()  # which takes in what has come
        await asyncio.Event().wait()

    async def do_tell(self, request: Request) -> None:
        await asyncio.sleep(0.05)
        self.client().send_message(request.sender, "hello")
        await asyncio.Event().wait()


def test_a_request_of_one_times_out_while_the_service_sleeps() -> None:
    with (
        ipcm.service("works", handle_request=lambda *_: DEFERRED) as silent,
        ipcm.service("late", Late, bus=silent.bus) as handle,
    ):
        assert "no answer from 'works' within 0.05 s" in handle.request("ask", timeout=10)


def test_what_one_takes_in_has_its_turn() -> None:
    with ipcm.service("late", Late) as handle:
        handle.send_request("late", "look", timeout=None)
        assert handle.client.get_messages(10)
        assert handle.request("anything", timeout=10) == []


def test_what_one_does_while_the_service_sleeps_is_seen() -> None:
    with (
        ipcm.service("late", Late) as handle,
        handle.bus.observe(lambda event: getattr(event, "kind", "") == "general") as observer,
    ):
        assert observer.ready(10)
        handle.send_request("late", "tell", timeout=None)
        (event,) = observer.poll(10)
        assert isinstance(event, ipcm.MessageEvent) and event.preview == '"hello"'


def test_failing_ones(capfd: pytest.CaptureFixture[str]) -> None:
    with ipcm.service("works", Working) as handle:
        with pytest.raises(ipcm.RemoteError, match="Internal service error"):
            handle.request("fail")
        with pytest.raises(ipcm.RemoteError, match="Internal service error"):
            handle.request("cancel_itself", timeout=5)
        assert noted(handle) == []
        assert [each.where for each in handle.snapshot().errors] == ["handle_request"] * 2
    assert "ValueError: secret detail" in capfd.readouterr().err


def test_exposed_details(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        ipcm.service("works", Working, expose_error_details=True) as handle,
        pytest.raises(ipcm.RemoteError, match="secret detail"),
    ):
        handle.request("fail")


def test_deferred_to_a_task_of_its_own_which_goes_on() -> None:
    with ipcm.service("works", Working) as handle:
        assert handle.request("defer", timeout=5) == "from a task of its own"


def test_a_second_answer_is_told_and_counted(capfd: pytest.CaptureFixture[str]) -> None:
    with ipcm.service("works", Working) as handle:
        assert handle.request("twice") == "first"
        assert noted(handle) == []
        (error,) = handle.snapshot().errors
        assert "ExtraResponse" in error.error
        assert handle.snapshot().drops == 1


def test_children_of_asyncio_are_its_own() -> None:
    with ipcm.service(
        "works", Working, on_pid=lambda service, pid, exit: service.noted.append(pid)
    ) as handle:
        ids = [handle.send_request("works", "shell") for _ in range(3)]
        assert [handle.await_response(id, 10).payload for id in ids] == [5, 5, 5]
        assert noted(handle) == []


def test_each_has_a_context_of_its_own() -> None:
    class Contexts(Telling):
        async def handle_request(self, request: Request, message: Message) -> Any:
            before = CALLER.get()
            CALLER.set(request.payload)
            await asyncio.sleep(0.02)
            return [before, CALLER.get()]

    with ipcm.service("contexts", Contexts) as handle:
        ids = [handle.send_request("contexts", who) for who in ("a", "b")]
        assert [handle.await_response(id, 5).payload for id in ids] == [
            ["nobody", "a"],
            ["nobody", "b"],
        ]


def test_all_else_goes_on_meanwhile() -> None:
    with ipcm.service(
        "works",
        Working,
        interval=0.02,
        on_interval=lambda service: service.noted.append("tick"),
        on_sig={"USR1": lambda service, sig: service.noted.append(sig.name)},
        on_pid=lambda service, pid, exit: service.noted.append(exit),
        on_general_message=lambda service, message: os.fork() or os._exit(7),
    ) as handle:
        id = handle.send_request("works", "forever")
        wait_until(lambda: "begun" in noted(handle))
        os.kill(handle.service_pid, signal.SIGUSR1)
        handle.client.send_message("works", "fork")
        wait_until(lambda: {"tick", "SIGUSR1", 7} <= set(noted(handle)))
        assert handle.get_response(id) is None


def test_what_is_under_way_at_the_end_is_cancelled_and_cleans_up() -> None:
    read, write = os.pipe()

    class Ending(Working):
        def run_on_cleanup(self) -> None:
            os.write(write, " ".join(self.noted).encode())

    try:
        with ipcm.service("works", Ending) as handle:
            id = handle.send_request("works", "forever")
            wait_until(lambda: noted(handle) == ["begun"])
            begun = time.monotonic()
            os.kill(handle.service_pid, signal.SIGTERM)
            assert handle.wait(5) == 0
            assert time.monotonic() - begun < 3
            with pytest.raises(ipcm.PeerGone):
                handle.await_response(id)
        assert os.read(read, 100) == b"begun cancelled cleaned up"
    finally:
        os.close(read)
        os.close(write)


def test_one_that_will_not_be_cancelled_does_not_hold_up_the_end() -> None:
    class Stubborn(Telling):
        async def handle_request(self, request: Request, message: Message) -> Any:
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    self.noted.append("no")

    with ipcm.service("stubborn", Stubborn) as handle:
        handle.send_request("stubborn", 0)
        handle.terminate(3)
        assert handle.wait(10) == 3


def test_nothing_spins_while_they_wait() -> None:
    """Neither turns nor processor time: the service sleeps in the kernel."""

    class Measuring(Working):
        async def do_used(self, request: Request) -> float:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            return usage.ru_utime + usage.ru_stime

    with ipcm.service("works", Measuring) as handle:
        for _ in range(3):
            handle.send_request("works", "forever")
        wait_until(lambda: noted(handle) == ["begun"] * 3)
        before, turns = handle.request("used"), handle.snapshot().turns
        assert handle.client.get_messages(0.5) == []
        assert handle.snapshot().turns - turns <= 5
        assert handle.request("used") - before < 0.2


def test_workers_and_services_started_by_one() -> None:
    class Starting(Telling):
        async def handle_request(self, request: Request, message: Message) -> Any:
            await asyncio.sleep(0)
            inner = ipcm.service("inner", Working)
            worker = ipcm.worker("w", signal.pause)
            meeting = [inner.send_request("meet") for _ in range(3)]
            answers = []
            for id in meeting:
                while (response := inner.get_response(id)) is None:
                    await asyncio.sleep(0.01)
                answers.append(response.payload)
            return [answers, worker, inner.pid]

    with ipcm.service("outer", Starting) as handle:
        meeting, worker, inner = handle.request(0, timeout=10)
        assert meeting == [1, 2, 3]
    assert gone(worker)
    wait_until(lambda: gone(inner))  # it has left, and is on its way out


class AsyncCall:
    async def __call__(self, *_: Any) -> None: ...


async def async_callback(*_: Any) -> None: ...


def generator(*_: Any) -> Any:
    yield


@pytest.mark.parametrize(
    ("hook", "callback", "what"),
    [
        ("on_interval", async_callback, "async"),
        ("on_interval", functools.partial(async_callback, 1), "async"),
        ("on_start", AsyncCall(), "async"),
        ("handle_response", async_callback, "async"),
        ("post_fork", async_callback, "async"),
        ("should_end", generator, "a generator"),
    ],
)
def test_callbacks_cannot_be_what_nobody_would_run(hook: str, callback: Any, what: str) -> None:
    with pytest.raises(ipcm.UsageError, match=f"{hook} cannot be {what}"):
        ipcm.service("x", Working, **{hook: callback})
    assert ipcm.buses() == []


def test_nor_can_hooks() -> None:
    class Ticking(Minimal):
        async def run_on_interval(self) -> None: ...  # type: ignore[override]

    class Hearing(Minimal):
        async def handle_response(self, *_: Any) -> None: ...  # type: ignore[override]

    class Looping(Minimal):
        def run_on_start(self) -> Any:
            yield

    for kind, what in ((Ticking, "async"), (Hearing, "async"), (Looping, "a generator")):
        with pytest.raises(TypeError, match=f"{kind.__name__}: .* cannot be {what}"):
            kind("x", "i", 1, None)
