"""`python -m ipcm` is the `ipcm` command."""

from __future__ import annotations

import sys

from ipcm.cli import main

if __name__ == "__main__":
    sys.exit(main())
