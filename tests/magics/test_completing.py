"""Completion in cells: verbs, options, live names, parameters, bodies."""

from __future__ import annotations

import ipcm
from tests.magics.conftest import Cells


def offered(cells: Cells, text: str) -> list[str]:
    """What IPython offers at the end of a text, as the whole text that it would make."""
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        found = list(cells.shell.Completer.completions(text, len(text)))
    return [text[: each.start] + each.text for each in found]


def test_verbs_and_options(bus: ipcm.Bus, cells: Cells) -> None:
    assert offered(cells, "%ipcm des")[0] == "%ipcm describe"
    assert "%ipcm attach" in offered(cells, "%ipcm att")
    assert offered(cells, "%ipcm ps --so")[0] == "%ipcm ps --sort"
    assert "%ipcm ps --sort cpu" in offered(cells, "%ipcm ps --sort c")
    assert not any("tui" in text for text in offered(cells, "%ipcm t"))
    assert "%ipcm ps -o json" in offered(cells, "%ipcm ps -o ")


def test_live_names(bus: ipcm.Bus, cells: Cells) -> None:
    assert offered(cells, "%ipcm info st")[0] == "%ipcm info store"
    assert offered(cells, "%ipcm call store se")[0] == "%ipcm call store search"
    assert offered(cells, "%ipcm attach h")[0] == "%ipcm attach here"
    assert "%ipcm signal probe HUP" in offered(cells, "%ipcm signal probe H")


def test_parameters(bus: ipcm.Bus, cells: Cells) -> None:
    assert offered(cells, "%ipcm call store search te")[0] == "%ipcm call store search text="
    assert "x = %ipcm call store search limit=" in offered(cells, "x = %ipcm call store search l")


def test_the_body_of_a_cell(bus: ipcm.Bus, cells: Cells) -> None:
    cell = '%%ipcm request store search\n{"te'
    assert offered(cells, cell)[0].startswith(cell[:-4] + '{"text"')


def test_python_is_left_alone(bus: ipcm.Bus, cells: Cells) -> None:
    cells.shell.user_ns["storage"] = 1
    assert "storage" in offered(cells, "stora")
    assert offered(cells, "%ipcm ps\nstora")[0].endswith("storage")


def test_names_to_capture(cells: Cells) -> None:
    cells("frame, model = 1, 2")
    line = "%%ipcm service s --capture "
    assert offered(cells, f"{line}fr")[0] == f"{line}frame"
    assert offered(cells, f"{line}frame,mo")[0] == f"{line}frame,model"
    assert not any("get_ipython" in text for text in offered(cells, line))


def test_without_a_bus_nothing_breaks(cells: Cells) -> None:
    assert not [text for text in offered(cells, "%ipcm info st") if "store" in text]
