"""Terms and meanings in two columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ipcm_tui.models.glossary import Glossary, lay_out

WORDS = st.lists(st.text("abcdef◐", min_size=1, max_size=12), min_size=1, max_size=12)
TERMS = st.lists(st.tuples(WORDS.map(" ".join), WORDS.map(" ".join)), max_size=6)


@given(st.dictionaries(st.sampled_from("KFT"), TERMS, max_size=3), st.integers(30, 100))
def test_every_word_has_its_column_and_nothing_is_wider(glossary: Glossary, width: int) -> None:
    lines = lay_out(glossary, width, 14)
    left = " ".join(cells[0][0] for cells in lines if len(cells) == 2).split()
    right = " ".join(cells[1][0] for cells in lines if len(cells) == 2).split()
    pairs = [pair for terms in glossary.values() for pair in terms]
    assert left == [word for term, _ in pairs for word in term.split()]
    assert right == [word for _, meaning in pairs for word in meaning.split()]
    for cells in lines:
        assert sum(cell_len(text) for text, _ in cells) <= width
        assert len(cells) < 2 or cell_len(cells[0][0]) == 16
    assert [cells[0][0] for cells in lines if len(cells) == 1] == list(glossary)


def test_blocks_are_apart() -> None:
    lines = lay_out({"One": [("a", "first")], "Two": []}, 40, 4)
    assert [[text for text, _ in cells] for cells in lines] == [
        ["One"],
        ["a     ", "first"],
        [],
        ["Two"],
    ]
