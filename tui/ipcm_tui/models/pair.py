"""A row of traffic as three texts: the facts, what was asked, what was answered."""

from __future__ import annotations

from datetime import tzinfo

from ipcm_tui.models.detail import Detail, Section, as_lines, pretty, row_detail
from ipcm_tui.models.formatting import format_size
from ipcm_tui.models.traffic import Row

__all__ = ["pair_detail"]

_CUT = "..."


def pair_detail(
    row: Row, state: str, me: str = "", zone: tzinfo | None = None
) -> tuple[Detail, Detail, Detail | None]:
    """The facts, the left side, and the right side (None where nothing is to be answered).

    Args:
        state: as `TrafficLog.state_of` gives it. me: this console's own peer name.
    """
    whole = row_detail(row, state, me, zone)
    facts = Detail(whole.title, whole.sections[:1])
    left = _side(row.kind, row.preview, row.size)
    if not row.is_request:
        return facts, left, None
    if row.error is not None:
        right = Detail("error", (Section("", lines=as_lines(row.error), tone="bad"),))
    elif row.reply_preview is not None or row.reply_size is not None:
        right = _side("response", row.reply_preview, row.reply_size)
    else:
        right = Detail("response", (Section("", lines=(_WAITING.get(state, state),)),))
    return facts, left, right


_WAITING = {
    "open": "not answered yet",
    "lost": "a side left before the answer",
    "missed": "events were dropped here: it may have been answered",
}


def _side(title: str, preview: str | None, size: int | None) -> Detail:
    heading = title if size is None else f"{title}  {format_size(size)}"
    if preview is None:
        return Detail(heading, (Section("", lines=("its content is not shown",)),))
    sections = [Section("", lines=pretty(preview))]
    if preview.endswith(_CUT):
        sections.append(Section("", lines=("cut: services show the first 256 bytes",)))
    return Detail(heading, tuple(sections))
