"""`request` and `call`: what is answered, and what goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ipcm
from tests.console.commands import ipcm_run, rows


@pytest.mark.parametrize(
    "words",
    [
        ("request", "store", "stats"),
        ("request", "store", '{"endpoint": "stats", "args": {}}'),
        ("request", "store", "stats", "{}"),
        ("call", "store", "stats"),
    ],
)
def test_a_request_shows_the_response(bus: ipcm.Bus, words: tuple[str, ...]) -> None:
    run = ipcm_run(*words)
    assert (run.returncode, run.stdout, run.stderr) == (0, '{"files":3}\n', "")


def test_a_request_with_arguments(bus: ipcm.Bus, tmp_path: Path) -> None:
    assert rows("request", "store", "search", '{"text": "a", "limit": 2}') == ["a", "a"]
    assert rows("call", "store", "search", "text=a", "limit=2") == ["a", "a"]
    assert rows("call", "store", "search", 'text="5"', "limit:=1") == ["5"]
    file = tmp_path / "args.json"
    file.write_text('{"text": "b"}')
    assert rows("request", "store", "search", f"@{file}") == ["b"]
    run = ipcm_run("request", "store", "search", "-", input='{"text": "c"}')
    assert json.loads(run.stdout) == ["c"]
    assert ipcm_run("request", "store", "search", "@-", input='{"text": "d"}').stdout == '["d"]\n'
    assert (
        ipcm_run("call", "store", "search", "text=a", "limit=2", "-o", "table").stdout == "a\na\n"
    )


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (("request", "store"), 2, ["nothing to ask"]),
        (("request", "store", '{"endpoint" 5}'), 2, ["line 1, column 13", "\n              ^"]),
        (("request", "store", "search", "[1]"), 2, ["JSON object"]),
        (("call", "store", "search", "text"), 2, ["KEY=VALUE"]),
        (("call", "store", "nope"), 1, ["nope", "search"]),
        (("call", "store", "search"), 1, ["text"]),
        (("request", "store", "5"), 1, ["endpoint"]),
        (("request", "nobody", "stats"), 3, ["nobody", "probe, store"]),
        (("request", "bad/name", "stats"), 3, ["bad/name"]),
        (("request", "store", "never", "--timeout", "0.2"), 4, ["0.2 s"]),
        (("request", "store", "die"), 3, ["store"]),
        (("request", "store", "123456789012345678901234567890"), 2, []),
        (("-b", "nowhere", "request", "store", "stats"), 3, ["nowhere", "here"]),
        (("request", "-b", "[1,2]", "store", "stats"), 2, []),
        (("request", "-b", '["unix","msgpack","/nowhere"]', "store", "stats"), 3, ["/nowhere"]),
    ],
)
def test_what_goes_wrong_is_told(
    bus: ipcm.Bus, words: tuple[str, ...], code: int, parts: list[str]
) -> None:
    run = ipcm_run(*words)
    assert run.stdout == ""
    assert run.returncode == code, run.stderr
    assert run.stderr.startswith("ipcm: ")
    for part in parts:
        assert part in run.stderr


def test_where_a_service_tells_why_it_failed(bus: ipcm.Bus) -> None:
    run = ipcm_run("call", "store", "fail")
    assert (run.returncode, run.stdout) == (1, "")
    said = ["ipcm: store: Internal service error", "`ipcm info store` shows its last errors"]
    assert run.stderr.splitlines() == said
    assert "ValueError: a secret" in ipcm_run("info", "store", "--timeout", "10").stdout


def test_text_that_was_read_as_json_is_told(bus: ipcm.Bus) -> None:
    run = ipcm_run("call", "store", "search", "text=5")
    assert run.returncode == 1
    why, advice = run.stderr.splitlines()
    assert "Expected `str`, got `int`" in why
    assert advice == "text that reads as JSON stands in quotes: 'text=\"5\"'"
    assert ipcm_run("call", "store", "search", 'text="5"').stdout == '["5"]\n'
    run = ipcm_run("call", "store", "search", "text=a", "limit=b")
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1


def test_what_a_peer_says_does_not_steer_the_terminal(bus: ipcm.Bus) -> None:
    assert ipcm_run("call", "store", "nasty", "-o", "table").stdout == "\\x1b[2J\\x9b31m\n"
    assert ipcm_run("call", "store", "nasty").stdout == '"\\u001b[2J\\u009b31m"\n'


def test_which_bus_is_meant(bus: ipcm.Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    with ipcm.spawn("other"):
        run = ipcm_run("ps")
        assert run.returncode == 2
        assert "here, other" in run.stderr and "IPCM_BUS" in run.stderr
        assert ipcm_run("ps", "-b", "here").returncode == 0
        assert ipcm_run("-b", "here", "ps").returncode == 0
        assert ipcm_run("ps", "--bus", str(bus)).returncode == 0
        monkeypatch.setenv("IPCM_BUS", "here")
        assert [row["name"] for row in rows("ps")] == ["store", "probe"]
        assert rows("ps", "-b", "other") == []
        assert len(rows("ls")) == 2


def test_without_a_bus(home: Path) -> None:
    for words in (("ps",), ("tail",), ("top",), ("request", "a", "b"), ("terminate", "a")):
        run = ipcm_run(*words)
        assert (run.returncode, run.stdout) == (3, "")
        assert "no bus is running" in run.stderr
