"""The console: a Textual screen that shows a bus and its services live.

`ipcm_tui.app.main` runs it. What it shows is computed in `ipcm_tui.models`, which import no
textual; the widgets only draw.
"""
