"""An action in the words of every other surface: command line, Python, notebook."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

from ipcm.console.predicate import quote_value
from ipcm.console.words import quote
from ipcm_tui.models.compose import Draft
from ipcm_tui.models.traffic import Row

__all__ = [
    "Phrase",
    "bus_phrases",
    "peer_phrases",
    "request_phrase",
    "row_phrases",
    "several_phrases",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Phrase:
    """One action.

    Attributes:
        action: in words. cli: for a shell. python: with `import ipcm`. magic: for a notebook.
    """

    action: str
    cli: str
    python: str
    magic: str


def _phrase(
    action: str, words: Sequence[str], bus: str, python: str, options: Sequence[str] = ()
) -> Phrase:
    verb, *given = words
    rest = [*given, *options, "-b", bus]
    if any(word.startswith("-") for word in given):
        # A name, or a number below zero, that would be taken for an option.
        rest = [*options, "-b", bus, "--", *given]
    cli = shlex.join(["ipcm", verb, *rest])
    magic = " ".join(["%ipcm", verb, *map(quote, rest)])
    return Phrase(action, cli, python, magic)


def request_phrase(bus: str, draft: Draft, payload: Any) -> Phrase:
    """How to send a request.

    Args:
        payload: what would go out. draft: what it was typed as.
    """
    words = ["request", draft.peer]
    if draft.endpoint:
        words.append(draft.endpoint)
        if draft.body.strip():
            words.append(draft.body)
        args = payload["args"]
        taken = not isinstance(args, dict) or args.keys() & {"endpoint", "self"}
        call = f".request({payload!r})" if taken else f".call({draft.endpoint!r}{_given(args)})"
    else:
        words.append(draft.body)
        call = f".request({payload!r})"
    about = f"ask {draft.peer}" + (f" for {draft.endpoint}" if draft.endpoint else "")
    return _phrase(about, words, bus, f"ipcm.attach({draft.peer!r}, bus={bus!r}){call}")


def _given(args: dict[str, Any]) -> str:
    """Arguments behind another: by keyword, and `**{...}` where a name is none in Python."""
    spelled = {key: key.isidentifier() and not iskeyword(key) for key in args}
    words = [f"{key}={args[key]!r}" for key, works in spelled.items() if works]
    others = {key: args[key] for key, works in spelled.items() if not works}
    return "".join(f", {word}" for word in [*words, *([f"**{others!r}"] if others else [])])


def bus_phrases(bus: str) -> list[Phrase]:
    """How to look at a bus."""
    return [
        _phrase("list who is there", ["ps"], bus, f"ipcm.find_bus({bus!r}).peers()"),
        _phrase("follow the traffic", ["tail"], bus, _watch(bus)),
        _phrase("all about the bus", ["info"], bus, f"ipcm.find_bus({bus!r})"),
    ]


def _watch(bus: str) -> str:
    return f"with ipcm.find_bus({bus!r}).observe() as observer: print(*observer, sep='\\n')"


def peer_phrases(bus: str, name: str, is_service: bool) -> list[Phrase]:
    """What can be done with a peer."""
    if not is_service:
        return []
    handle = f"ipcm.attach({name!r}, bus={bus!r})"
    signal = "signal.SIGHUP"
    observing = f"with ipcm.find_bus({bus!r}).observe(read_only=False) as observer: observer"
    return [
        _phrase(f"all about {name}", ["info", name], bus,
                f"with ipcm.find_bus({bus!r}).observe() as observer: observer.snapshot({name!r})"),
        _phrase(f"what {name} offers", ["describe", name], bus, f"{handle}.describe()"),
        _phrase(f"terminate {name}", ["terminate", name], bus, f"{handle}.terminate()"),
        _phrase(f"signal {name}", ["signal", name, "HUP"], bus,
                f"{observing}.signal({name!r}, {signal})"),
        _phrase(f"kill {name}", ["kill", name], bus,
                f"os.kill({handle}.service_pid, signal.SIGKILL)", ["-y"]),
    ]  # fmt: skip


def several_phrases(bus: str, names: Sequence[str]) -> list[Phrase]:
    """What can be done with several services at once."""
    listed = list(names)
    loop = f"for name in {listed!r}: ipcm.attach(name, bus={bus!r})"
    return [
        _phrase(f"terminate {len(listed)} services", ["terminate", *listed], bus,
                f"{loop}.terminate()"),
        _phrase(f"kill {len(listed)} services", ["kill", *listed], bus,
                f"for name in {listed!r}: "
                f"os.kill(ipcm.attach(name, bus={bus!r}).service_pid, signal.SIGKILL)", ["-y"]),
    ]  # fmt: skip


def row_phrases(bus: str, row: Row, draft: Draft | None, payload: Any) -> list[Phrase]:
    """What can be done with a row of traffic.

    Args:
        draft: the request it shows; None where that is not known in full.
    """
    phrases = [request_phrase(bus, draft, payload)] if draft is not None else []
    by_kind = row.kind in ("request", "general")
    wanted = f"kind={row.kind}" if by_kind else f"service={quote_value(row.source)}"
    return [
        *phrases,
        _phrase("follow such traffic", ["tail"], bus, _watch(bus), ["--filter", wanted]),
    ]
