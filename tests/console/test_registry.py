"""The table of verbs is whole, and says the same as the code."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from ipcm.console import verbs
from ipcm.console.registry import NAMES, SESSION_NAMES, get_verb
from ipcm.errors import UsageError

EVERY = (*NAMES, *SESSION_NAMES)


def test_every_module_is_a_verb_and_the_other_way_round() -> None:
    folder = Path(inspect.getfile(verbs)).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(EVERY)
    assert len(set(EVERY)) == len(EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_a_verb_says_what_it_runs(name: str) -> None:
    verb = get_verb(name)
    assert verb.name == name
    assert verb.summary and not verb.summary.endswith(".") and "\n" not in verb.summary
    assert verb.examples
    assert all(each.help for each in verb.arguments) and all(each.help for each in verb.options)
    taken = inspect.signature(verb.run).parameters
    offered = {each.name for each in verb.arguments} | {each.name for each in verb.options}
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values()):
        assert offered == set(taken) - {"context"}
    flags = [flag for option in verb.options for flag in option.flags]
    common = {"-b", "--bus", "-o", "--output", "--timeout", "-y", "--yes", "-h", "--help"}
    assert len(flags) == len(set(flags)) and not common & set(flags)


def test_an_unknown_verb_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'tail'"):
        get_verb("tial")
    with pytest.raises(UsageError, match=r"no verb '\.\./verb'$"):
        get_verb("../verb")


def test_listing_the_verbs_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from ipcm.console.registry import NAMES, SESSION_NAMES, get_verb\n"
        "[get_verb(name) for name in NAMES]\n"
        "print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    loaded = set(run.stdout.split())
    assert "ipcm.console.registry" in loaded
    assert not loaded & {"click", "rich", "psutil", "textual", "IPython", "prompt_toolkit"}
