"""Makes docs/_static/shell.svg: a session of the shell on the real demo, on this repository.

    python -m docs.make_shell_recording [--output FILE]

It starts `ipcm demo` in a private runtime directory, types on a real terminal as somebody would,
and draws what that shows, picture by picture, as one animated SVG without scripts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path

from docs.make_screenshot import running_demo
from tests.shell.screen import COLUMNS, ROWS, Screen, shell

TARGET = Path(__file__).resolve().parent / "_static" / "shell.svg"

WIDE, HIGH, SIZE, MARGIN, TOP = 8.4, 18, 14, 14, 34
BACKGROUND, FOREGROUND = "#14171c", "#d6d9df"
COLOURS = {
    "black": "#14171c", "red": "#f07178", "green": "#9ece6a", "brown": "#e0af68",
    "blue": "#7aa2f7", "magenta": "#bb9af7", "cyan": "#7dcfff", "white": "#c5c8cf",
    "brightblack": "#5a6070", "brightred": "#ff8f96", "brightgreen": "#b5e08a",
    "brightbrown": "#f2c97d", "brightblue": "#96b6ff", "brightmagenta": "#cdb2ff",
    "brightcyan": "#9bdcff", "brightwhite": "#ffffff",
}  # fmt: skip

STYLE = f"""
text {{ font: {SIZE}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;
  white-space: pre; fill: {FOREGROUND} }}
.b {{ font-weight: bold }} .i {{ font-style: italic }} .u {{ text-decoration: underline }}
.t {{ font-family: sans-serif; font-size: 13px; fill: #8a909c }}
"""


class Recording:
    """Pictures of a terminal, each with the time that it stays."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lines: dict[str, int] = {}
        self._frames: list[tuple[list[int], tuple[int, int], float]] = []

    def take(self, seconds: float) -> None:
        """What can be seen now, for so many seconds."""
        rows = [self._line(row) for row in range(ROWS)]
        lines = [self._lines.setdefault(row, len(self._lines)) for row in rows]
        self._frames.append((lines, self._screen.cursor, seconds))

    def wait(self, seconds: float) -> None:
        """Lets the program draw."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._screen.read(left)

    def type(self, text: str, step: int = 2) -> None:
        """Types as a person does, with a picture of every few letters."""
        for start in range(0, len(text), step):
            self._screen.type(*text[start : start + step])
            self.wait(0.25)
            self.take(0.16)
        self.take(0.5)

    def press(self, key: str, stay: float, settle: float = 0.5) -> None:
        """Presses a key, and shows what comes of it."""
        self._screen.type(key)
        self.wait(settle)
        self.take(stay)

    def watch(self, seconds: float, step: float = 0.4) -> None:
        """Shows what happens by itself."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.wait(step)
            self.take(step)

    def _line(self, row: int) -> str:
        """One line as SVG."""
        parts: list[str] = []
        for start, text, style in runs(self._screen.cells(row)):
            colour, background, classes = _colour(style[0]), _colour(style[1]), style[2]
            x = MARGIN + start * WIDE
            if background:
                width = len(text) * WIDE
                parts.append(
                    f'<rect x="{x:.1f}" y="{3 - HIGH}" width="{width:.1f}" height="{HIGH}" '
                    f'fill="{background}"/>'
                )
            if text.strip():
                # Where a text begins with a space, some draw it without.
                x += (len(text) - len(text.lstrip())) * WIDE
                shown = text.strip().replace(" ", "\N{NO-BREAK SPACE}")
                fill = f' fill="{colour}" style="fill:{colour}"' if colour else ""
                css = f' class="{classes}"' if classes else ""
                length = f'textLength="{len(shown) * WIDE:.1f}" lengthAdjust="spacingAndGlyphs"'
                parts.append(f'<text x="{x:.1f}" {length}{css}{fill}>{escape(shown)}</text>')
        return "".join(parts)

    def svg(self) -> str:
        """All of it, one picture after the other, again and again."""
        total = sum(seconds for _, _, seconds in self._frames)
        width, height = COLUMNS * WIDE + 2 * MARGIN, ROWS * HIGH + TOP + MARGIN
        style, groups, at = [STYLE], [], 0.0
        for number, (lines, cursor, seconds) in enumerate(self._frames):
            begin, end = 100 * at / total, 100 * (at + seconds) / total
            at += seconds
            last = number == len(self._frames) - 1
            hide = "" if last else f"{end:.3f}%{{visibility:hidden}}"
            start = f"0%{{visibility:hidden}}{begin:.3f}%" if number else "0%"
            style.append(f"@keyframes f{number}{{{start}{{visibility:visible}}{hide}}}")
            style.append(f"#f{number}{{animation:f{number} {total:.1f}s step-end infinite}}")
            # Where nothing is animated, it is the last picture that stands there.
            hidden = "" if last else ' visibility="hidden"'
            groups.append(f'<g id="f{number}"{hidden}>{self._picture(lines, cursor)}</g>')
        defined = "".join(f'<g id="l{n}">{line}</g>' for line, n in self._lines.items() if line)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">'
            f"<style>{''.join(style)}</style><defs>{defined}</defs>"
            f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="{BACKGROUND}"/>'
            '<circle cx="18" cy="16" r="5" fill="#f07178"/><circle cx="36" cy="16" r="5" '
            'fill="#e0af68"/><circle cx="54" cy="16" r="5" fill="#9ece6a"/>'
            f'<text class="t" x="{width / 2:.0f}" y="20" text-anchor="middle">ipcm shell</text>'
            f"{''.join(groups)}</svg>\n"
        )

    def _picture(self, lines: list[int], cursor: tuple[int, int]) -> str:
        empty = self._lines.get("")
        uses = [
            f'<use href="#l{line}" y="{TOP + HIGH * (row + 1)}"/>'
            for row, line in enumerate(lines)
            if line != empty
        ]
        x, y = MARGIN + cursor[0] * WIDE, TOP + HIGH * cursor[1] + 4
        uses.append(
            f'<rect x="{x:.1f}" y="{y}" width="{WIDE}" height="{HIGH - 1}" fill="#c5c8cf" '
            'opacity="0.5"/>'
        )
        return "".join(uses)


Look = tuple[str, str, str]


def _colour(name: str) -> str:
    """As SVG has it; "" for that of the terminal."""
    if name == "default":
        return ""
    return COLOURS.get(name) or f"#{name}"


def runs(cells: list[tuple[str, Look]]) -> Iterator[tuple[int, str, Look]]:
    """Neighbours of the same look together: where they begin, text, look."""
    start = 0
    for at in range(1, len(cells) + 1):
        if at == len(cells) or cells[at][1] != cells[start][1]:
            yield start, "".join(text for text, _ in cells[start:at]), cells[start][1]
            start = at


def play(screen: Screen) -> Recording:
    """The session."""
    recording = Recording(screen)
    screen.at_prompt()
    screen.expect("3 peers")
    recording.wait(2.0)
    recording.take(1.0)
    recording.type("call st")
    recording.press("Tab", 1.2)
    recording.type("se")
    recording.press("Tab", 0.6)
    recording.type("te")
    recording.press("Tab", 0.6)
    recording.type("fork limt=2", 4)
    recording.take(2.0)
    for _ in range(3):
        recording.press("\x7f", 0.12, 0.1)
        recording.press("\x7f", 0.12, 0.1)
    recording.type("limit=2", 7)
    recording.press("Enter", 2.5, 1.5)
    recording.type("request store search {")
    recording.press("Tab", 1.5)
    recording.type("te")
    recording.press("Tab", 0.5)
    recording.type("$_.0.path} | wc -c", 4)
    recording.press("Enter", 1.5, 1.5)
    recording.press("F3", 0.5)
    recording.watch(2.4)
    recording.type("ps --sort rate")
    recording.press("F3", 0.5)
    recording.press("Enter", 3.0, 2.0)
    recording.type("kill probe", 5)
    recording.press("Enter", 1.5, 1.5)
    recording.press("Enter", 1.5)
    recording.type("terminate probe -y", 6)
    recording.press("Enter", 0.5, 1.5)
    screen.expect("-probe")
    recording.take(3.0)
    screen.type("^D")
    screen.end()
    return recording


def main(arguments: list[str] | None = None) -> int:
    """Records and writes."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--output", type=Path, default=TARGET)
    options = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="ipcm-"))
        os.environ["IPCM_RUNTIME_DIR"] = home
        stack.enter_context(running_demo())
        history = str(Path(home) / "typed")
        screen = stack.enter_context(shell(IPCM_HISTORY=history))
        text = play(screen).svg()
    options.output.write_text(text, encoding="utf-8")
    print(f"{options.output}: {len(text) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
