"""Requests: each ends once, whoever goes away, answers twice, late, or for somebody else."""

from __future__ import annotations

import math
import os
import signal
import time
from typing import Any

import pytest

import ipcm
from ipcm import DEFERRED, Activity, Message, Request, Response, Service
from ipcm._core.envelope import RESPONSE
from ipcm.client import Client
from ipcm.role import loop
from tests._os.processes import until_readable
from tests.helpers import wait_until
from tests.role.consumers import Minimal, Telling, double


class Deferring(Telling):
    """Answers a request when it is told to; its general messages name what to do."""

    def __init__(self, *args: Any, **params: Any) -> None:
        self.kept: list[Request] = []
        super().__init__(*args, **params)

    def handle_request(self, request: Request, message: Message) -> Any:
        if request.payload == "noted":
            return self.noted
        if request.payload == "kept":
            return [[each.sender, each.id] for each in self.kept]
        self.kept.append(request)
        return DEFERRED

    def run_on_general_message(self, message: Message) -> None:
        request = self.kept[0]
        try:
            self.send_response(request.sender, request.id, "late", message.content)
            self.noted.append("sent")
        except ipcm.ExtraResponse as error:
            self.noted.append(str(error))


class TestAnswers:
    def test_deferred_to_a_later_turn(self) -> None:
        with ipcm.service("late", Deferring) as handle:
            id = handle.send_request("late", 1)
            assert handle.get_response(id) is None
            handle.client.send_message("late", None)
            assert handle.await_response(id, 5).payload == "late"
            assert handle.snapshot().errors == []

    def test_with_an_error(self) -> None:
        with ipcm.service("late", Deferring) as handle:
            id = handle.send_request("late", 1)
            handle.client.send_message("late", "out of order")
            response = handle.await_response(id, 5)
            assert (response.ok, response.error, response.payload) == (
                False,
                "out of order",
                "late",
            )
            assert isinstance(response.exception, ipcm.RemoteError)

    def test_a_second_one_is_refused(self) -> None:
        with ipcm.service("late", Deferring) as handle:
            handle.send_request("late", 1)
            handle.client.send_message("late", None)
            handle.client.send_message("late", None)
            first, second = handle.request("noted")
            assert first == "sent"
            assert "answered already" in second

    @pytest.mark.parametrize("returned", [None, DEFERRED])
    def test_answered_and_then_nothing_returned(self, returned: Any) -> None:
        def answer(service: Service, request: Request, message: Message) -> Any:
            service.send_response(request.sender, request.id, "first")
            return returned

        with ipcm.service("x", handle_request=answer) as handle:
            assert handle.request(0) == "first"
            assert handle.snapshot().errors == []

    def test_to_what_was_never_asked(self) -> None:
        def answer(service: Service, request: Request, message: Message) -> Any:
            with pytest.raises(ipcm.ExtraResponse, match="never came"):
                service.send_response(request.sender, request.id + 1, "?")
            return "refused"

        with ipcm.service("x", handle_request=answer) as handle:
            assert handle.request(0) == "refused"

    def test_to_one_who_has_left(self) -> None:
        with ipcm.service("late", Deferring) as handle:
            with handle.bus.connect("leaving") as leaving:
                leaving.send_request("late", 1)
                wait_until(lambda: handle.request("kept"))  # else it is forgotten unhandled
            wait_until(lambda: handle.snapshot().drops == 1)
            handle.client.send_message("late", None)
            handle.client.send_message("late", None)
            first, second = handle.request("noted")
            assert first == "sent"
            assert "answered already" in second
            assert handle.snapshot().drops == 1

    def test_to_one_who_waits_no_more(self) -> None:
        with ipcm.service("late", Deferring, interval=0.02, on_interval=lambda s: None) as handle:
            with pytest.raises(ipcm.RequestTimeout):
                handle.request(1, timeout=0.05)
            wait_until(lambda: handle.snapshot().drops == 1)
            handle.client.send_message("late", None)
            assert handle.request("noted") == ["sent"]
            assert handle.client.stats.dropped == 0

    def test_by_on_all_before_it_is_dispatched(self) -> None:
        def answer(service: Service, activity: Activity) -> None:
            for message in activity.messages:
                if message.content == "mine":
                    service.send_response(message.sender, message.id, "from on_all")

        with ipcm.service("all", handle_request=double, on_all=answer) as handle:
            assert handle.request("mine") == "from on_all"
            assert handle.request("not") == "notnot"

    def test_by_on_all_alone_in_a_later_turn(self) -> None:
        def answer(service: Any, activity: Activity) -> None:
            service.seen = [*getattr(service, "seen", []), *activity.messages]
            if len(service.seen) == 2:
                for message in service.seen:
                    service.send_response(message.sender, message.id, message.content)

        with ipcm.service("all", on_all=answer) as handle:
            ids = [handle.send_request("all", n) for n in range(2)]
            assert [handle.await_response(id, 5).payload for id in ids] == [0, 1]

    def test_that_cannot_be_carried(self, capfd: pytest.CaptureFixture[str]) -> None:
        with ipcm.service("x", handle_request=lambda s, r, m: object()) as handle:
            with pytest.raises(ipcm.RemoteError, match="cannot be sent"):
                handle.request(0)
            assert handle.ready()


def test_a_failing_handler_and_how_much_of_it_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    class Failing(Minimal):
        def handle_request(self, request: Request, message: Message) -> Any:
            raise ValueError("secret detail")

    class Telling(Failing):
        expose_error_details = True

    with ipcm.service("a", Failing) as one, ipcm.service("b", Telling, bus=one.bus) as other:
        assert one.sync_request("a", 0).error == "Internal service error"
        assert other.sync_request("b", 0).error == "secret detail"
        assert one.ready() and other.ready()


class TestResponses:
    """Those that a service gets."""

    def test_without_callback_they_wait_to_be_fetched(self) -> None:
        class Asking(Telling):
            def handle_request(self, request: Request, message: Message) -> Any:
                match request.payload:
                    case "ask":
                        self.id = self.send_request("double", 4)
                        return self.get_response(self.id)
                    case "fetch":
                        response = self.get_response(self.id)
                        return None if response is None else response.payload
                with pytest.raises(ipcm.UsageError, match="fetched already"):
                    self.get_response(self.id)
                return "once"

        with (
            ipcm.service("double", handle_request=double) as other,
            ipcm.service("asking", Asking, bus=other.bus) as handle,
        ):
            assert handle.request("ask") is None
            wait_until(lambda: handle.request("fetch") == 8)
            assert handle.request("again") == "once"

    def test_a_callback_gets_response_and_message_once(self) -> None:
        def ask(service: Any, request: Request, message: Message) -> Any:
            def answered(response: Response, message: Message | None) -> None:
                assert message is not None
                service.send_response(
                    request.sender,
                    request.id,
                    [response.payload, response.id == id == message.correlation_id, message.sender],
                )

            id = service.peer("double").send_request(request.payload, answered)
            with pytest.raises(ipcm.UsageError, match="goes to its callback"):
                service.get_response(id)
            return DEFERRED

        with (
            ipcm.service("double", handle_request=double) as other,
            ipcm.service("asking", handle_request=ask, bus=other.bus) as handle,
        ):
            assert handle.request(3) == [6, True, "double"]

    def test_failures_reach_the_callback_without_message(self) -> None:
        def ask(service: Any, request: Request, message: Message) -> Any:
            def failed(response: Response, message: Message | None) -> None:
                told = [response.ok, type(response.exception).__name__, message]
                service.send_response(request.sender, request.id, told)

            timeout = 0.05 if request.payload == "time" else None
            service.send_request("late", request.payload, failed, timeout=timeout)
            return DEFERRED

        with (
            ipcm.service("late", Deferring) as late,
            ipcm.service("asking", handle_request=ask, bus=late.bus) as handle,
        ):
            assert handle.request("time") == [False, "RequestTimeout", None]
            id = handle.send_request("asking", "gone")
            wait_until(lambda: len(late.request("kept")) == 2)
            os.kill(late.service_pid, signal.SIGKILL)
            assert handle.await_response(id, 5).payload == [False, "PeerGone", None]

    @pytest.mark.parametrize("way", ["callback", "method", "role"])
    def test_handle_response_hears_of_each_also_of_failures(self, way: str) -> None:
        def on_response(service: Any, response: Response, message: Message | None) -> None:
            service.noted.append([response.payload, response.error, message is None])

        def ask(service: Any, message: Message) -> None:
            to, payload, timeout, own = message.content
            callback = (lambda *_: service.noted.append("its own")) if own else None
            service.send_request(to, payload, callback, timeout=timeout)

        class Method(Telling):
            handle_response = on_response  # type: ignore[assignment]

        class Role(Minimal):
            noted: list[Any]
            handle_response = on_response  # type: ignore[assignment]
            run_on_general_message = ask  # type: ignore[assignment]

            def run_on_start(self) -> None:
                self.noted = []

            def handle_request(self, request: Request, message: Message) -> Any:
                return self.noted

        params: dict[str, Any] = {"on_general_message": ask}
        if way == "callback":
            params["handle_response"] = on_response
        maker: Any = {"callback": Telling, "method": Method, "role": Role}[way]
        with (
            ipcm.service("late", Deferring) as late,
            ipcm.service("asking", maker, bus=late.bus, **params) as handle,
        ):
            handle.client.send_message("asking", ["late", "noted", None, False])
            wait_until(lambda: handle.request(0) == [[[], None, False]])
            handle.client.send_message("asking", ["late", "wait", 0.05, False])
            wait_until(lambda: len(handle.request(0)) == 2)
            payload, error, no_message = handle.request(0)[1]
            assert (payload, no_message) == (None, True)
            assert "within 0.05 s" in error
            handle.client.send_message("asking", ["late", "noted", None, True])
            wait_until(lambda: handle.request(0)[2:] == ["its own"])

    def test_nobody_of_that_name_is_told_at_once(self) -> None:
        def ask(service: Service, request: Request, message: Message) -> Any:
            with pytest.raises(ipcm.NoSuchPeer, match="here are"):
                service.send_request("nobody", 1)
            return "told"

        with ipcm.service("asking", handle_request=ask) as handle:
            assert handle.request(0) == "told"

    def test_waiting_keeps_the_other_messages(self) -> None:
        class Asking(Telling):
            def handle_request(self, request: Request, message: Message) -> Any:
                if request.payload == "noted":
                    return self.noted
                return [self.peer("wordy").request(1), list(self.noted)]

            def run_on_general_message(self, message: Message) -> None:
                self.noted.append(message.content)

        def answer(service: Service, request: Request, message: Message) -> Any:
            service.client().send_message("asking", "by the way")
            return "answer"

        with (
            ipcm.service("wordy", handle_request=answer) as wordy,
            ipcm.service("asking", Asking, bus=wordy.bus) as handle,
        ):
            assert handle.request("ask") == ["answer", []]
            assert handle.request("noted") == ["by the way"]

    def test_waiting_where_several_came_in_one_turn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Their answers leave together; what is asked meanwhile does not wait for that."""
        monkeypatch.setattr(loop, "_SLOW", math.inf)  # else they leave one by one

        def ask(service: Service, request: Request, message: Message) -> Any:
            return service.peer("double").request(request.payload, timeout=5)

        with (
            ipcm.service("double", handle_request=double) as inner,
            ipcm.service("asking", handle_request=ask, bus=inner.bus, start="fork") as handle,
        ):
            with handle.batch():
                ids = [handle.send_request("asking", n) for n in range(3)]
            answers = [handle.await_response(id, 10) for id in ids]
            assert [answer.payload for answer in answers] == [0, 2, 4]

    def test_one_cannot_wait_for_oneself(self) -> None:
        def ask(service: Service, request: Request, message: Message) -> Any:
            itself = service.peer("asking")
            for wait in (itself.request, itself.send_request, itself.ready):
                with pytest.raises(ipcm.UsageError, match="itself"):
                    wait(1)
            assert itself.ready()
            return "told"

        with ipcm.service("asking", handle_request=ask) as handle:
            assert handle.request(0) == "told"


class TestNotOurs:
    """Responses that are late, come twice, or come from another peer: counted, never raised."""

    def test_forged_ones(self) -> None:
        with ipcm.service("late", Deferring) as handle:
            id = handle.send_request("late", 1)
            with handle.bus.connect("forger") as forger:
                forger.respond(handle.name, RESPONSE, id, "forged", None)
                forger.flush(5)
                wait_until(lambda: [handle.poll(), handle.client.stats.dropped][1])
            assert handle.get_response(id) is None
            handle.client.send_message("late", None)
            assert handle.await_response(id, 5).payload == "late"
            assert handle.client.stats.dropped == 1

    def test_duplicate_and_unknown_ones(self) -> None:
        def twice(service: Service, request: Request, message: Message) -> Any:
            service.client().respond(request.sender, RESPONSE, request.id, "twin", None)
            service.client().respond(request.sender, RESPONSE, 1, "unknown", None)
            return "twin"

        with ipcm.service("twice", handle_request=twice) as handle:
            got: list[Any] = []
            handle.send_request("twice", 0, lambda response, message: got.append(response.payload))
            handle.await_all_responses(5)
            wait_until(lambda: [handle.poll(), handle.client.stats.dropped][1] == 2)
            assert got == ["twin"]

    def test_late_ones(self) -> None:
        def answer(service: Any, message: Message) -> None:
            request = service.kept[0]
            service.client().respond(request.sender, RESPONSE, request.id, "late", None)

        class Careless(Deferring):
            run_on_general_message = answer  # type: ignore[assignment]

        with ipcm.service("late", Careless) as handle:
            with pytest.raises(ipcm.RequestTimeout):
                handle.request(1, timeout=0.05)
            handle.client.send_message("late", 0)
            wait_until(lambda: [handle.poll(), handle.client.stats.dropped][1] == 1)
            assert handle.messages() == []

    def test_a_service_lives_on(self) -> None:
        with ipcm.service("late", Deferring) as handle:
            for id in range(3):
                handle.client.respond("late", RESPONSE, id, "forged", None)
            assert handle.request("noted") == []
            assert handle.snapshot().drops == 3


def test_waiting_for_what_goes_to_a_callback_is_refused() -> None:
    with ipcm.service("double", handle_request=double) as handle:
        id = handle.send_request("double", 1, lambda response, message: None)
        with pytest.raises(ipcm.UsageError, match="goes to its callback"):
            handle.await_response(id)


def test_waiting_for_all_ends_with_the_last_though_it_was_there_before() -> None:
    with ipcm.service("double", handle_request=double) as handle:
        handle.send_request("double", 1, lambda response, message: None)
        assert until_readable(handle.client.fileno(), 5)
        begun = time.monotonic()
        handle.await_all_responses(30)
        assert time.monotonic() - begun < 10


def test_waiting_for_all_sleeps_though_a_message_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(service: Service, request: Request, message: Message) -> None:
        service.client().send_message(message.sender, "first")
        time.sleep(0.2)

    with ipcm.service("slow", handle_request=slow) as handle:
        pumps: list[Any] = []
        pump = Client.pump

        def counted(client: Client, *args: Any, **options: Any) -> None:
            pumps.append(args)
            pump(client, *args, **options)

        monkeypatch.setattr(Client, "pump", counted)
        handle.send_request("slow", 1)
        handle.await_all_responses(30)
        assert len(pumps) < 20
        assert [message.content for message in handle.messages()] == ["first"]


def test_who_has_no_time_to_wait_gets_what_is_there() -> None:
    with ipcm.service("double", handle_request=double) as handle:
        id = handle.send_request("double", 1)
        assert until_readable(handle.client.fileno(), 5)
        assert handle.await_response(id, 0).payload == 2
