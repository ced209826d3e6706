"""The verbs, one module each, each with a `VERB`."""
