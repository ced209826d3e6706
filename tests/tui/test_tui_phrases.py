"""What can be done from a command line, a notebook and Python, as the dashboard says it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.grammar import read
from ipcm.console.predicate import parse_predicate
from ipcm.console.predicate_fields import Fields, Kind
from ipcm.console.registry import get_verb
from ipcm.console.words import lex
from ipcm_tui.models.buses import BusFacts
from ipcm_tui.models.compose import Draft
from ipcm_tui.models.phrases import request_phrase
from ipcm_tui.models.traffic import Row, TrafficLog
from ipcm_tui.sharing import payload_of, phrases_of

FACTS = BusFacts("my bus", "unix", "msgpack", 1.0, 7)


@given(st.text(min_size=1), st.dictionaries(st.text(), st.integers() | st.text(), max_size=3))
def test_phrases_are_read_back_by_every_surface(peer: str, args: dict[str, Any]) -> None:
    log = TrafficLog()
    body = json.dumps(args, ensure_ascii=False) if args else ""
    draft = Draft(peer, "search", body)
    payload = payload_of(draft)
    facts = BusFacts("demo", "unix", "msgpack", 1.0, 7)
    phrase = request_phrase(facts.name, draft, payload)
    words = shlex.split(phrase.cli)
    assert words[:2] == ["ipcm", "request"] and "-b demo" in phrase.cli
    behind = words.index("--") if peer.startswith("-") else 1
    assert words[behind + 1] == peer
    compile(phrase.python, "<phrase>", "exec")
    if "\n" not in phrase.magic and "$_" not in phrase.magic:
        line = lex(phrase.magic.removeprefix("%ipcm "))
        reading = read(get_verb("request"), line.words[1:], line.end)
        assert reading.values["peer"] == peer and reading.common.bus == "demo"
        assert json.loads(reading.values["json"] or "{}") == args
    assert not log.rows


def test_names_that_are_no_keywords_of_python_are_passed_all_the_same() -> None:
    draft = Draft("a", "search", '{"True": 0, "x": 1, "a-b": 2}')
    phrase = request_phrase("demo", draft, payload_of(draft))
    assert phrase.python.endswith(""".call('search', x=1, **{'True': 0, 'a-b': 2})""")
    draft = Draft("a", "search", '{"endpoint": 0}')
    phrase = request_phrase("demo", draft, payload_of(draft))
    assert phrase.python.endswith(""".request({'endpoint': 'search', 'args': {'endpoint': 0}})""")


def test_phrases_of_what_is_selected(demo_bus: Any) -> None:
    log = TrafficLog()
    log.extend(demo_bus.exchange("probe", "store", 1, "stats"))
    one = phrases_of(FACTS, [("store", True)], log.rows[0], on_row=True)
    assert one[0].cli == "ipcm request store stats -b 'my bus'"
    assert one[0].python == "ipcm.attach('store', bus='my bus').call('stats')"
    assert one[0].magic == "%ipcm request store stats -b 'my bus'"
    assert any(each.cli.startswith("ipcm kill store -y") for each in one)
    many = phrases_of(FACTS, [("a", True), ("b", True), ("c", False)], None, on_row=False)
    assert many[0].cli == "ipcm terminate a b -b 'my bus'"
    for phrase in [*one, *many]:
        compile(phrase.python, "<phrase>", "exec")
        line = lex(phrase.magic.removeprefix("%ipcm "))
        verb = get_verb(line.words[0].value)
        assert not read(verb, line.words[1:], line.end).problems, phrase.magic


@given(st.text(min_size=1))
def test_such_traffic_is_that_of_the_very_name(name: str) -> None:
    (phrase, *_) = phrases_of(FACTS, [], Row(1.0, "signal", name), on_row=True)
    wanted = shlex.split(phrase.cli)[3]
    holds = parse_predicate(wanted, Fields({"service": Kind.TEXT}))
    assert holds({"service": name}) and not holds({"service": f"{name}'"})
