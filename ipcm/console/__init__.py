"""The verbs, each defined once for every surface: command line, magics, shell, palette.

verb.py       what a verb is: arguments, options, what it runs, what it results in
registry.py   the verbs by name, loaded when they are needed
results.py    what a verb hands back: tables, records, values, streams
exits.py      exit codes, from the error tree
render.py     results as table, json, jsonl, csv
streams.py    standard streams: writing, telling, asking
click_adapter.py  a click command for each verb
words.py      a typed line taken apart; grammar.py: read as a verb, and where each word stands
statement.py  a line understood, and what is wrong with it; references.py: `$_` in it
completer.py  what can come at the cursor, from live.py: what lives right now
"""
