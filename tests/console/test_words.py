"""Lines taken apart: words and their places, quotes, brackets, pipes, files, comments."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcm.console.words import Line, lex, quote, statements


def values(text: str) -> list[str]:
    return [word.value for word in lex(text).words]


def kinds(line: Line) -> list[str]:
    return [problem.kind for problem in line.problems]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
PLAIN = st.text("ab 1'\"\\=.,:/-", max_size=30)


@given(st.lists(TEXTS, max_size=5))
def test_quoted_words_come_back(words: list[str]) -> None:
    line = lex(" ".join(map(quote, words)))
    assert [word.value for word in line.words] == words
    assert not line.problems and not any(word.references for word in line.words)


@given(PLAIN)
def test_quoting_is_that_of_a_shell(text: str) -> None:
    try:
        wanted = shlex.split(text)
    except ValueError:
        assert lex(text).open
        return
    assert values(text) == wanted and not lex(text).problems


@given(st.text("ab {}[]\"'\\|>#$_.=\n", max_size=40), st.integers(0, 10))
def test_any_text_has_words_with_places(text: str, start: int) -> None:
    start = min(start, len(text))
    line = lex(text, start)
    assert line.end == len(text) or text[line.end] == "\n"
    before = start
    for word in line.words:
        assert before <= word.start < word.end <= line.end
        assert all(text[place] == c for place, c in zip(word.places, word.value, strict=True))
        before = word.end
    assert all(0 <= problem.start <= problem.end <= len(text) for problem in line.problems)


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXTS,
                    lambda inner: st.lists(inner, max_size=3) |
                    st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8),
       st.sampled_from([None, 2]), st.booleans())  # fmt: skip
def test_json_in_brackets_needs_no_quotes(value: object, indent: int | None, ascii: bool) -> None:
    if not isinstance(value, dict | list):
        value = [value]
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert values(f"echo {text} x") == ["echo", text, "x"]
    assert values(f"echo a={text} x") == ["echo", f"a={text}", "x"]
    cut = lex(f"echo {text[:-1]}")
    assert cut.open and cut.words[1].quote == "{"


def test_a_pipe_takes_the_rest_as_it_is() -> None:
    line = lex("request store stats | jq '.files | length'  # no comment for us")
    assert values("request store stats | jq .") == ["request", "store", "stats"]
    assert line.pipe == "jq '.files | length'  # no comment for us"
    assert (line.pipe_at, kinds(line)) == (20, [])
    assert values('request echo {"a": "|"}') == ["request", "echo", '{"a": "|"}']


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ps |", "a program has to follow"),
        ("| jq", "nothing stands before"),
        ("ps > f | x", "either"),
        ("ps >", "a file has to follow"),
        ("ps > a b", "nothing can follow"),
        ("ps > a > b", "one file"),
    ],
)
def test_what_is_wrong_with_pipes_and_files(text: str, problem: str) -> None:
    assert any(problem in each.text for each in lex(text).problems)


def test_output_to_a_file() -> None:
    line = lex("ps -o csv >> 'my peers.csv'")
    assert line.target is not None and line.target.value == "my peers.csv" and line.append
    line = lex("ps>x")
    assert line.target is not None and line.target.value == "x" and not line.append
    assert values("ps>x") == ["ps"]


def test_comments() -> None:
    line = lex("ps # who is there")
    assert values("ps # who is there") == ["ps"] and line.comment == 3
    assert lex("  # nothing").empty
    assert values("call a b=#1") == ["call", "a", "b=#1"]


def test_references() -> None:
    text = 'call store search text=$_.files.0 \'$_\' "$_" \\$_ $_ {"a": $_.x, "$_": 1}'
    words = lex(text).words
    found = [(w.value, [(r.path, r.json) for r in w.references]) for w in words if w.references]
    assert found == [
        ("text=$_.files.0", [(("files", "0"), True)]),
        ("$_", [((), False)]),
        ('{"a": $_.x, "$_": 1}', [(("x",), True)]),
    ]


def test_lines_end_outside_of_quotes_and_brackets_only() -> None:
    text = "ps\n\n# x\nrequest a {\n  \"b\": 1\n}\ncall a 'b\nc' \\\n d\nls"
    found = [(line.start, [word.value for word in line.words]) for line in statements(text)]
    assert [words for _, words in found] == [
        ["ps"], ["request", "a", '{\n  "b": 1\n}'], ["call", "a", "b\nc", "d"], ["ls"],
    ]  # fmt: skip
    assert text[found[1][0] :].startswith("request")
    assert lex("ps \\").open and lex("ps | jq \\").open


def test_a_line_may_be_left_open() -> None:
    assert [each.text for each in lex('request a {"b": [1').problems] == ["] is missing"]
    assert lex("request a '{").open and lex('request a "').open
    assert not lex("request a {]").open
