"""`%ipcm` in IPython and notebooks: `%load_ext ipcm`.

session.py   what is current: the bus, the services of cells, the views that are live
magic.py     the magic itself: parses, runs, shows
verbs.py     the verbs that only a notebook has, and what it adds to the others
output.py    results as display data, or as text on a terminal
failing.py   errors as short messages
help.py      what `%ipcm?` and `%ipcm VERB?` say
"""

from __future__ import annotations

from typing import Any

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext ipcm` calls."""
    from ipcm.magics.magic import install

    install(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext ipcm` calls: ends what cells have started."""
    from ipcm.magics.magic import uninstall

    uninstall(shell)
