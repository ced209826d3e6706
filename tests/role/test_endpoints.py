"""Endpoints: typed, validated, described, however they are given."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
from typing import Annotated, Any, Literal, Optional

import msgspec
import pytest

import ipcm
from ipcm import Service
from ipcm.role.endpoints import marked_methods
from tests.role.consumers import Minimal, double


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Box(msgspec.Struct):
    corner: Point
    names: list[str] = []


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Typed(Service):
    """All kinds of hints."""

    @ipcm.endpoint
    def move(self, point: Point, by: float = 0.5) -> Point:
        """A point further on."""
        return Point(point.x + int(by * 2), point.y)

    @ipcm.endpoint
    def pack(self, box: Box, boxes: dict[str, Box] | None = None) -> list[Any]:
        return [type(box).__name__, box.corner.x, box.names, sorted(boxes or {})]

    @ipcm.endpoint
    def choose(self, how: Literal["fast", "slow"], colour: Optional[Colour] = None) -> str:  # noqa: UP045
        return f"{how} {colour.name if colour else 'plain'}"

    @ipcm.endpoint
    def count(
        self, n: Annotated[int, msgspec.Meta(gt=0, le=10)], tags: set[str] = frozenset()
    ) -> int:  # type: ignore[assignment]
        return n + len(tags)

    @ipcm.endpoint
    def when(self, day: datetime.date, raw: bytes = b"") -> str:
        return f"{day.year} {raw.decode()}"

    @ipcm.endpoint
    def by_number(self, names: dict[int, str]) -> str:
        return names[1]

    @ipcm.endpoint
    def plain(self, anything, other=None):  # type: ignore[no-untyped-def]
        return [anything, other]

    @ipcm.endpoint
    def kept(self, items: list[int] = []) -> int:  # noqa: B006 (each call has a list of its own)
        items.append(1)
        return len(items)

    @ipcm.endpoint
    def total(self, items: list[int] = [1], *, more: int) -> int:  # noqa: B006 (as above)
        items.append(more)
        return sum(items)


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_arguments_are_what_the_hints_say(serializer: str) -> None:
    with (
        ipcm.spawn(serializer=serializer) as bus,
        ipcm.service("typed", Typed, bus=bus) as handle,
    ):
        call = handle.call
        assert call("move", point={"x": 1}) == {"x": 2, "y": 0}
        assert call("move", point={"x": 1, "y": 5}, by=2) == {"x": 5, "y": 5}
        box = {"corner": {"x": 7}, "names": ["a"]}
        assert call("pack", box=box, boxes={"b": box}) == ["Box", 7, ["a"], ["b"]]
        assert call("choose", how="fast", colour="red") == "fast RED"
        assert call("choose", how="slow", colour=None) == "slow plain"
        assert call("count", n=3, tags=["a", "b", "a"]) == 5
        assert call("when", day=datetime.date(2026, 1, 2), raw=b"raw") == "2026 raw"
        assert call("by_number", names={1: "one"}) == "one"
        assert call("plain", anything={"x": [1, None]}) == [{"x": [1, None]}, None]
        assert [call("kept"), call("kept")] == [1, 1]
        assert [call("total", more=2), call("total", more=2)] == [3, 3]


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("move", {}, r"missing required field `point`"),
        ("move", {"point": {"x": "1"}}, r"Expected `int`, got `str` - at `\$\.point\.x`"),
        ("move", {"point": {"y": 1}}, r"missing required field `x`"),
        ("move", {"point": {"x": 1}, "to": 3}, r"unknown field `to`"),
        ("pack", {"box": {"corner": {"x": 1}, "names": [1]}}, r"\$\.box\.names\[0\]"),
        ("choose", {"how": "never"}, r"Invalid enum value 'never'"),
        ("choose", {"how": "fast", "colour": "green"}, r"Invalid enum value 'green'"),
        ("count", {"n": 0}, r"Expected `int` >= 1"),
        ("when", {"day": "yesterday"}, r"\$\.day"),
    ],
)
def test_bad_arguments_are_named(name: str, args: dict[str, Any], said: str) -> None:
    with ipcm.service("typed", Typed) as handle:
        with pytest.raises(ipcm.RemoteError, match=said) as caught:
            handle.call(name, **args)
        assert f"bad arguments for {name}(" in caught.value.error
        assert handle.snapshot().errors == []


@pytest.mark.parametrize(
    "payload", [None, 17, "move", [], {}, {"endpoint": 1}, {"endpoint": "plain", "args": [1]}]
)
def test_what_is_no_call(payload: Any) -> None:
    with ipcm.service("typed", Typed) as handle:
        with pytest.raises(
            ipcm.RemoteError, match=r'expected {"endpoint": name.*endpoints: by_num'
        ):
            handle.request(payload)
        with pytest.raises(ipcm.RemoteError, match="no endpoint 'nope'; endpoints: by_number, cho"):
            handle.call("nope")


def test_they_are_described_with_schemas() -> None:
    with ipcm.service("typed", Typed) as handle:
        described = {each["name"]: each for each in handle.describe()["endpoints"]}
    move = described["move"]
    assert move["signature"].startswith("move(point: tests.role.test_endpoints.Point, by: float")
    assert move["doc"] == "A point further on."
    arguments = move["parameters"]["$defs"]["move_arguments"]
    assert arguments["required"] == ["point"]
    assert arguments["properties"]["by"] == {"type": "number", "default": 0.5}
    assert move["parameters"]["$defs"]["Point"]["properties"]["x"] == {"type": "integer"}
    assert move["returns"] == {"$ref": "#/$defs/Point", "$defs": move["returns"]["$defs"]}
    assert described["choose"]["returns"] == {"type": "string"}
    assert described["plain"]["returns"] == {}
    assert described["plain"]["signature"] == "plain(anything, other=None)"
    count = described["count"]["parameters"]["$defs"]["count_arguments"]["properties"]["n"]
    assert count == {"type": "integer", "exclusiveMinimum": 0, "maximum": 10}
    kept = described["kept"]["parameters"]["$defs"]["kept_arguments"]["properties"]["items"]
    assert kept == {"type": "array", "items": {"type": "integer"}, "default": []}


class Base(Service):
    @staticmethod
    @ipcm.endpoint
    def inner() -> str:
        return "static, marked inside"

    @ipcm.endpoint
    @staticmethod
    def outer(n: int) -> str:
        return f"static {n}"

    @ipcm.endpoint
    @classmethod
    def of_class(cls) -> str:
        return cls.__name__

    @ipcm.endpoint
    def greet(self, name: str) -> str:
        return f"hello {name}"

    @ipcm.endpoint
    def gone(self) -> None: ...


def loud(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs).upper()

    return wrapper


class Derived(Base):
    gone = None

    def greet(self, name: str, often: int = 1) -> str:
        """More of it."""
        return super().greet(name) * often

    @ipcm.endpoint
    @loud
    def wrapped(self, text: str) -> str:
        return text


def test_methods_of_every_kind_and_inherited_ones() -> None:
    with ipcm.service("derived", Derived) as handle:
        names = [each["name"] for each in handle.describe()["endpoints"]]
        assert names == ["greet", "inner", "of_class", "outer", "wrapped"]
        assert handle.call("inner") == "static, marked inside"
        assert handle.call("outer", n=3) == "static 3"
        assert handle.call("of_class") == "Derived"
        assert handle.call("greet", name="you", often=2) == "hello youhello you"
        assert handle.call("wrapped", text="quiet") == "QUIET"
        with pytest.raises(
            ipcm.RemoteError, match=r"bad arguments for wrapped\(text: str\) -> str"
        ):
            handle.call("wrapped", text=1)


def test_of_a_class_without_a_module_that_changes() -> None:
    names: dict[str, Any] = {"Service": Service}
    exec("class Bare(Service): pass", names)
    bare = names["Bare"]
    assert bare.__module__ == "builtins" and marked_methods(bare) == []
    bare.late = ipcm.endpoint(lambda self: 1)
    assert marked_methods(bare) == ["late"]


def test_given_as_callables() -> None:
    def add(service: Service, a: int, b: int = 1) -> int:
        """The sum."""
        return a + b

    async def who(service: Service) -> str:
        return service.name

    class Multiplier:
        """Times."""

        def __call__(self, service: Service, a: int) -> int:
            return a * 3

    with (
        ipcm.service("given", endpoints=[add, who]) as handle,
        ipcm.service(
            "named", Derived, endpoints={"plus": add, "times": Multiplier()}, bus=handle.bus
        ) as other,
    ):
        assert handle.call("add", a=1) == 2
        assert handle.call("who") == "given"
        with pytest.raises(ipcm.RemoteError, match=r"bad arguments for add\(a: int, b: int = 1\)"):
            handle.call("add", a="x")
        assert [each["doc"] for each in handle.describe()["endpoints"]] == ["The sum.", ""]
        assert other.call("plus", a=1, b=4) == 5
        assert other.call("times", a=2) == 6
        assert other.call("inner") == "static, marked inside"


def test_hints_that_are_local() -> None:
    @dataclasses.dataclass
    class Local:
        n: int

    class Narrow(Service):
        class Inner(msgspec.Struct):
            n: int

        @ipcm.endpoint
        def twice(
            self, local: Local, inner: Inner, n: Annotated[int, msgspec.Meta(gt=0)] = 2
        ) -> int:
            return local.n * n + inner.n

    with ipcm.service("narrow", Narrow) as handle:
        assert handle.call("twice", local={"n": 4}, inner={"n": 1}) == 9
        with pytest.raises(ipcm.RemoteError, match="Expected `int` >= 1"):
            handle.call("twice", local={"n": 4}, inner={"n": 1}, n=0)


def test_the_request_itself() -> None:
    class Gate(Service):
        @ipcm.endpoint
        def enter(self, request: ipcm.Request, name: str) -> Any:
            self.waiting = request
            return ipcm.DEFERRED

        @ipcm.endpoint
        async def open(self, *, by: ipcm.Request) -> Any:
            """Lets in who waits."""
            self.send_response(self.waiting.sender, self.waiting.id, f"opened by {by.sender}")
            return by.payload["endpoint"]

    with ipcm.service("gate", Gate) as handle:
        entering = handle.send_request("gate", {"endpoint": "enter", "args": {"name": "me"}})
        assert handle.call("open") == "open"
        assert handle.await_response(entering, 5).payload == f"opened by {handle.name}"
        with pytest.raises(ipcm.RemoteError, match=r"arguments for enter\(name: str\).*`request`"):
            handle.call("enter", name="me", request={})
        enter, gate = handle.describe()["endpoints"]
        assert (enter["signature"], gate["signature"]) == (
            "enter(name: str) -> Any",
            "open() -> Any",
        )
        assert "request" not in str(enter["parameters"])


def test_on_the_role_itself() -> None:
    class Own(Minimal):
        @ipcm.endpoint
        def add(self, a: int) -> int:
            return a + 1

        def handle_request(self, request: Any, message: Any) -> Any:
            return self.endpoints().call(request.payload)

    with ipcm.service("own", Own) as handle:
        assert handle.call("add", a=1) == 2


def star(service: Service, *args: int) -> None: ...


def unknown(service: Service, a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def ambiguous(service: Service, a: Point | Colour | Box) -> None: ...


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (star, r"parameter \*args: .*cannot come by name"),
        (unknown, "cannot be read: name 'Nowhere' is not defined"),
        (ambiguous, "may not contain more than one"),
        (lambda: 1, "cannot be read"),
        (17, "endpoints are callables"),
    ],
)
def test_what_cannot_be_an_endpoint(function: Any, said: str) -> None:
    with pytest.raises(ipcm.UsageError, match=said):
        ipcm.service("x", endpoints={"it": function})
    for nameless in ([lambda service: 1], {1: double}):
        with pytest.raises(ipcm.UsageError, match="endpoints are callables with a name"):
            ipcm.service("x", endpoints=nameless)  # type: ignore[arg-type]
    with pytest.raises(ipcm.UsageError, match="endpoints are a list of callables"):
        ipcm.service("x", endpoints=17)  # type: ignore[arg-type]
    assert ipcm.buses() == []


class Odd:
    pass


def test_a_hint_that_no_schema_is_for_harms_nobody() -> None:
    def odd(service: Service, a: Odd, b: object = Odd(), n: int = 1) -> list[Odd]:
        raise AssertionError("nothing can fit")

    with ipcm.service("odd", endpoints=[odd]) as handle:
        (described,) = handle.describe()["endpoints"]
        assert described["returns"] == {"type": "array", "items": {"title": "Odd"}}
        arguments = described["parameters"]["$defs"]["odd_arguments"]
        assert arguments["required"] == ["a"]
        assert arguments["properties"] == {
            "a": {"title": "Odd"},
            "b": {"title": "object"},
            "n": {"type": "integer", "default": 1},
        }
        with pytest.raises(ipcm.RemoteError, match="Expected `Odd`, got `int`"):
            handle.call("odd", a=1)


def test_handle_request_goes_before_endpoints() -> None:
    with ipcm.service("typed", Typed, handle_request=double) as handle:
        assert handle.request(4) == 8
