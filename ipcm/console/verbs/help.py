"""`help`: what a verb does, and how it is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ipcm.console.common import options_of
from ipcm.console.completion import Offer
from ipcm.console.live import Live
from ipcm.console.registry import NAMES, SESSION_NAMES, get_verb
from ipcm.console.results import Record, Section
from ipcm.console.verb import GROUPS, Argument, Context, Option, Verb

__all__ = ["VERB", "help_of"]


def run(context: Context, verb: str | None) -> Record:
    """See `VERB`."""
    if verb is not None:
        return help_of(get_verb(verb))
    every = [get_verb(name) for name in (*NAMES, *SESSION_NAMES)]
    groups = {group: [each for each in every if each.group == group] for group in GROUPS}
    width = max(len(each.name) for each in every)
    sections = [
        Section(group, [(f"  {each.name:<{width}}", each.summary) for each in verbs])
        for group, verbs in groups.items()
    ]
    value = {each.name: each.summary for each in every}
    return Record(value, [*sections, Section(text="`help VERB` tells more of one")])


def help_of(verb: Verb) -> Record:
    """All about one verb."""
    words = (argument.placeholder for argument in verb.arguments)
    usage = " ".join([verb.name, "[OPTIONS]", *words])
    text = "\n".join(filter(None, [f"{usage}\n\n{verb.summary}.", verb.doc and f"\n{verb.doc}"]))
    arguments = [(f"  {each.name.upper()}", each.help) for each in verb.arguments]
    options = [(f"  {_flags(each)}", each.help) for each in options_of(verb)]
    examples = [(f"  {verb.name} {args}".rstrip(), what) for args, what in verb.examples]
    sections = [Section(text=text)]
    for title, pairs in (("Words", arguments), ("Options", options), ("Examples", examples)):
        if pairs:
            sections.append(Section(title, pairs))
    value: dict[str, Any] = {"verb": verb.name, "usage": usage, "summary": verb.summary}
    for name, pairs in (("words", arguments), ("options", options), ("examples", examples)):
        value[name] = {key.strip(): meaning for key, meaning in pairs}
    return Record(value | {"doc": verb.doc}, sections)


def _flags(option: Option) -> str:
    return f"{', '.join(option.flags)} {option.placeholder}".rstrip()


def _complete(live: Live, args: Mapping[str, Any], begin: str) -> Iterable[Offer]:
    return [Offer(name, get_verb(name).summary) for name in (*NAMES, *SESSION_NAMES)]


VERB = Verb(
    name="help",
    summary="Say what the verbs do, or how one is called",
    group="Look",
    run=run,
    result=dict,
    arguments=(Argument("verb", "The verb.", required=False, complete=_complete),),
    examples=(("", "all verbs"), ("call", "one of them")),
    on_bus=False,
)
