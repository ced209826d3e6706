"""How the documentation is built: `sphinx-build -W docs docs/_build`."""

import ipcm

project = "ipcm"
author = "The ipcm authors"
release = version = ipcm.__version__
copyright = "2026, the ipcm authors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False
html_theme = "furo"
html_title = "ipcm"
html_static_path = ["_static"]
myst_heading_anchors = 3
autodoc_typehints = "none"
