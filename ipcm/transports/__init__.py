"""Ways for peers to meet: one file or folder each, found by name through `registry`."""
