"""`shell`: verbs at a prompt, or one a line from a script."""

from __future__ import annotations

from ipcm.console.frontends import load_frontend
from ipcm.console.results import Finished
from ipcm.console.verb import Context, Option, Verb

__all__ = ["VERB"]


def run(context: Context, read_only: bool, keep_going: bool, ask: str | None) -> Finished:
    """See `VERB`."""
    main = load_frontend("shell")
    return Finished(
        main(
            context.bus,
            read_only=read_only or context.read_only,
            keep_going=keep_going,
            ask=None if ask is None else [name for name in ask.replace(",", " ").split() if name],
        )
    )


VERB = Verb(
    name="shell",
    summary="Type verbs at a prompt, or run them from a script",
    group="Run",
    run=run,
    result=None,
    options=(
        Option("read_only", ("--read-only",), "Look, and change nothing.", bool, False),
        Option(
            "keep_going", ("--keep-going",), "Do not stop at an error of a script.", bool, False
        ),
        Option(
            "ask",
            ("--ask",),
            "Verbs that have to be confirmed, with commas; IPCM_ASK, else terminate,kill.",
            metavar="VERBS",
        ),
    ),
    looks=True,
    doc=(
        "On a terminal: completion of everything that lives, a history, a toolbar; `help` says "
        "more. Standard input that is no terminal is a script: one verb a line, # begins a "
        "comment; it stops at the first error, which is its exit code."
    ),
    examples=(
        ("", "a prompt on the only bus that runs"),
        ("-b demo --read-only", "on this one, to look and not to touch"),
        ("< checks.ipcm", "a script"),
    ),
)
