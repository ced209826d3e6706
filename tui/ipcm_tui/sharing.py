"""What can be taken out of the console: files, and words for other surfaces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from ipcm_tui.models.buses import BusFacts
from ipcm_tui.models.compose import Draft, draft_of
from ipcm_tui.models.exporting import Kind, file_name
from ipcm_tui.models.phrases import Phrase, bus_phrases, peer_phrases, row_phrases, several_phrases
from ipcm_tui.models.traffic import Row
from ipcm_tui.source import Clock

__all__ = ["payload_of", "phrases_of", "write_export"]

_TRIES: Final = 100


def phrases_of(
    facts: BusFacts, peers: list[tuple[str, bool]], row: Row | None, *, on_row: bool
) -> list[Phrase]:
    """What can be done with what is selected, the likeliest first.

    Args:
        peers: name, and whether it is a service. on_row: a row of traffic is looked at.
    """
    bus = facts.name
    found: list[Phrase] = []
    if on_row and row is not None:
        draft, whole = draft_of(row.target, row.preview)
        known = draft if row.is_request and whole else None
        found += row_phrases(bus, row, known, payload_of(draft) if known else None)
    services = [name for name, is_service in peers if is_service]
    if len(peers) == 1:
        found += peer_phrases(bus, *peers[0])
    elif len(services) > 1:
        found += several_phrases(bus, services)
    return found + bus_phrases(bus)


def payload_of(draft: Draft) -> Any:
    """What a draft sends; its body is JSON."""
    body = json.loads(draft.body) if draft.body.strip() else None
    return {"endpoint": draft.endpoint, "args": body or {}} if draft.endpoint else body


def write_export(facts: BusFacts, what: str, kind: Kind, text: str, clock: Clock) -> Path:
    """Writes a new file into the current directory; raises OSError."""
    path = Path(file_name(facts.name, what, kind, clock.wall(), clock.zone))
    for number in range(_TRIES):
        fresh = path.with_stem(f"{path.stem}-{number}") if number else path
        try:
            with fresh.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        return fresh.absolute()
    raise FileExistsError(f"{path} and others like it are there already")
