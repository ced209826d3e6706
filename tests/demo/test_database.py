"""The store's tables: what is added, replaced, removed, searched for."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcm.demo.database import Database, has_full_text
from ipcm.demo.records import FileFacts, SkippedFile, StoreStats
from tests.demo.trees import NOT_UTF8

with contextlib.closing(sqlite3.connect(":memory:")) as memory:
    FULL_TEXT = has_full_text(memory)


@pytest.fixture(params=[True, False], ids=["fts5", "like"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    if request.param and not FULL_TEXT:
        pytest.skip("this SQLite has no FTS5")
    database = Database(full_text=request.param)
    yield database
    database.close()


def text_file(path: str | bytes, text: str) -> FileFacts:
    path = path if isinstance(path, bytes) else path.encode()
    content = text.encode()
    return FileFacts(
        path,
        len(content),
        hashlib.sha256(content).hexdigest(),
        text.count("\n"),
        len(text.split()),
        text,
    )


def binary_file(path: str, content: bytes) -> FileFacts:
    return FileFacts(path.encode(), len(content), hashlib.sha256(content).hexdigest())


def found(database: Database, text: str, limit: int = 20) -> list[str]:
    return sorted(hit.path for hit in database.search(text, limit))


def test_counts_what_is_added(database: Database) -> None:
    assert database.stats() == StoreStats()
    assert database.add([text_file("a", "one two\n"), binary_file("b", b"\0\1")]) == 2
    assert database.add([], [SkippedFile(b"c", "vanished")]) == 1
    assert database.add([], [SkippedFile(b"d", "unreadable: no", error=True)]) == 1
    assert database.stats() == StoreStats(
        files_indexed=2,
        bytes=10,
        lines=1,
        words=2,
        text_files=1,
        text_bytes=8,
        skipped=2,
        errors=1,
    )


def test_what_is_added_again_is_replaced(database: Database) -> None:
    database.add([text_file("a", "first version\n")])
    database.add([text_file("a", "second\n")])
    assert found(database, "first") == []
    assert found(database, "second") == ["a"]
    assert database.stats().files_indexed == 1
    database.add([], [SkippedFile(b"a", "unreadable: no", error=True)])
    assert database.stats() == StoreStats(skipped=1, errors=1)
    assert found(database, "second") == []
    database.add([text_file("a", "third\n")])
    assert database.stats().errors == 0
    assert found(database, "third") == ["a"]


def test_what_is_removed_is_gone(database: Database) -> None:
    database.add([text_file("a", "word\n"), binary_file("b", b"\0")], [SkippedFile(b"c", "gone")])
    assert database.remove([b"a", b"b", b"c", b"never there"]) == 3
    assert database.stats() == StoreStats()
    assert found(database, "word") == []
    assert database.remove([b"a"]) == 0


def test_search_wants_all_words_in_any_order_and_case(database: Database) -> None:
    database.add([text_file("a", "the quick brown fox\n"), text_file("b", "the slow fox\n")])
    assert found(database, "FOX the") == ["a", "b"]
    assert found(database, "fox quick") == ["a"]
    assert found(database, "fox missing") == []
    assert found(database, "b slow") == ["b"]  # its name counts, too


def test_search_shows_the_surroundings_and_escapes_them(database: Database) -> None:
    text = "x " * 500 + "here \x1b[31mred\u202e \n needle \t" + "y " * 500
    database.add([text_file("a", text)])
    (hit,) = database.search("needle")
    assert "needle" in hit.snippet
    assert "\\x1b[31mred\\u202e" in hit.snippet
    assert len(hit.snippet) < 200
    assert (hit.size, hit.lines) == (len(text.encode()), 1)


def test_names_that_are_not_utf8_or_not_printable(database: Database) -> None:
    database.add([text_file(NOT_UTF8, "inside one\n"), text_file("a\nb\x1b", "inside two\n")])
    assert found(database, "inside") == ["a\\nb\\x1b", "caf\\xe9 \\xff.txt"]
    assert database.remove([NOT_UTF8]) == 1
    assert found(database, "inside") == ["a\\nb\\x1b"]


@pytest.mark.parametrize(
    "text",
    [
        *('"', '""', "'", "*", "a*", "(", ")", "a AND", "NEAR(", "NOT a", "-a", "a:b", "^a", "{x}"),
        *("", " ", "\0", 'a"\0b', "%", "_", "\\", "a OR b", "+", "name:x", "💥", "\u0301", "ﬁ"),
        "x" * 10_000,
        "w " * 10_000,
    ],
)
def test_whatever_is_searched_for_is_no_syntax(database: Database, text: str) -> None:
    database.add([text_file("f", "something else entirely\n")])
    assert database.search(text) == []


@pytest.mark.skipif(not FULL_TEXT, reason="this SQLite has no FTS5")
@settings(max_examples=300)
@given(text=st.text(max_size=30))
def test_no_text_is_an_error(text: str) -> None:
    assert isinstance(_SHARED.search(text, 5), list)


_SHARED = Database(full_text=FULL_TEXT)
_SHARED.add([text_file("f", "a b c d e f g h 0 1 2 3\n")])


def test_operators_are_words_like_others(database: Database) -> None:
    database.add([text_file("a", "salt and pepper\n"), text_file("b", "salt\n")])
    assert found(database, "salt AND") == ["a"]
    assert found(database, "salt OR pepper") == []


def test_like_takes_its_wildcards_literally() -> None:
    database = Database(full_text=False)
    database.add([text_file("a", "100% sure_thing c:\\x\n"), text_file("b", "1000 surething\n")])
    assert found(database, "100%") == ["a"]
    assert found(database, "sure_thing") == ["a"]
    assert found(database, "c:\\x") == ["a"]
    database.close()


@pytest.mark.parametrize(("asked", "got"), [(1, 1), (3, 3), (0, 1), (-5, 1), (10**9, 30)])
def test_limits_are_kept_within_reason(database: Database, asked: int, got: int) -> None:
    database.add([text_file(f"f{n}", "word\n") for n in range(30)])
    assert len(database.search("word", asked)) == got
    database.remove([b"f%d" % n for n in range(30)])
    database.add([binary_file(f"x{n}-{c}", b"\0%d" % n) for n in range(30) for c in "ab"])
    assert len(database.duplicates(asked)) == got


def test_duplicates_are_counted_and_sorted_by_waste(database: Database) -> None:
    database.add(
        [
            *(binary_file(f"big{n}", b"\0" * 1000) for n in range(2)),
            *(binary_file(f"many{n}", b"\1" * 10) for n in range(8)),
            *(binary_file(f"empty{n}", b"") for n in range(5)),
            binary_file("single", b"\2" * 5000),
        ]
    )
    big, many = database.duplicates()
    assert (big.size, big.copies, big.wasted, big.paths) == (1000, 2, 1000, ["big0", "big1"])
    assert (many.size, many.copies, many.wasted, len(many.paths)) == (10, 8, 70, 5)
    stats = database.stats()
    assert (stats.duplicates, stats.wasted) == (2, 1070)
    database.remove([b"big0"])
    assert [each.copies for each in database.duplicates()] == [8]
    database.remove([f"many{n}".encode() for n in range(8)])
    stats = database.stats()
    assert (stats.duplicates, stats.wasted, database.duplicates()) == (0, 0, [])


def test_text_is_bounded_and_counts_go_on() -> None:
    database = Database(most_text=100)
    database.add([text_file("a", "first " * 15), text_file("b", "second " * 15)])
    assert found(database, "first") == ["a"]
    assert found(database, "second") == []
    stats = database.stats()
    assert (stats.files_indexed, stats.text_files, stats.text_bytes) == (2, 2, 90)
    assert stats.words == 30
    database.remove([b"a"])
    database.add([text_file("b", "second " * 14)])
    assert found(database, "second") == ["b"]
    database.remove([b"b"])
    assert database.stats() == StoreStats()
    database.close()


def test_all_or_nothing(database: Database) -> None:
    database.add([text_file("a", "kept\n")])
    before = database.stats()

    def failing() -> Iterator[FileFacts]:
        yield text_file("a", "half\n")
        yield text_file("b", "half\n")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(sqlite3.OperationalError):
        database.add(failing())
    assert database.stats() == before
    assert found(database, "kept") == ["a"]
    assert found(database, "half") == []
    database.add([text_file("b", "goes on\n")])
    assert database.stats().files_indexed == 2


@settings(max_examples=50)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["text", "binary", "skip", "error", "remove"]),
            st.sampled_from("abcd"),
            st.integers(0, 2),
        ),
        max_size=30,
    )
)
def test_totals_are_what_is_there(steps: list[tuple[str, str, int]]) -> None:
    database = Database()
    model: dict[str, FileFacts | SkippedFile] = {}
    for what, name, content in steps:
        if what == "remove":
            database.remove([name.encode()])
            model.pop(name, None)
            continue
        each: FileFacts | SkippedFile
        if what == "text":
            each = text_file(name, f"content {content}\n")
        elif what == "binary":
            each = binary_file(name, b"\0" * content)
        else:
            each = SkippedFile(name.encode(), what, error=what == "error")
        model[name] = each
        is_file = isinstance(each, FileFacts)
        database.add([each] if is_file else [], [] if is_file else [each])  # type: ignore[list-item]
    files = [each for each in model.values() if isinstance(each, FileFacts)]
    skipped = [each for each in model.values() if isinstance(each, SkippedFile)]
    contents: dict[tuple[str, int], int] = {}
    for each in files:
        contents[each.sha256, each.size] = contents.get((each.sha256, each.size), 0) + 1
    wasted = [size * (copies - 1) for (_, size), copies in contents.items() if copies > 1 and size]
    assert database.stats() == StoreStats(
        files_indexed=len(files),
        bytes=sum(each.size for each in files),
        lines=sum(each.lines for each in files),
        words=sum(each.words for each in files),
        text_files=sum(each.text is not None for each in files),
        text_bytes=sum(len(each.text or "") for each in files),
        skipped=len(skipped),
        errors=sum(each.error for each in skipped),
        duplicates=len(wasted),
        wasted=sum(wasted),
    )
    assert sum(each.wasted for each in database.duplicates()) == sum(wasted)
    assert len(database.search("content")) == sum(each.text is not None for each in files)
    database.close()


def test_leaves_no_file_even_while_it_is_used() -> None:
    database = Database()
    # More than the cache holds, so that it has to go to disk.
    database.add([text_file(f"f{n}", f"{n} " + "word " * 50_000) for n in range(100)])
    files = [path for path in open_files() if "etilqs" in path]
    assert files
    assert all(path.endswith("(deleted)") for path in files)
    database.close()
    assert [path for path in open_files() if path in files] == []


def open_files() -> list[str]:
    paths = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the descriptor of the listing
            paths.append(os.readlink(f"/proc/self/fd/{fd}"))
    return paths


def test_stats_are_integers() -> None:
    assert {type(value) for value in msgspec.structs.asdict(StoreStats()).values()} == {int}
