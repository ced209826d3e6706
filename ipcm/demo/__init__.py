"""A small real system on real files: an indexer, a store, and a probe that asks it things.

`ipcm.demo.run.Demo` starts and ends it. What is in here uses ipcm as any program would.
"""
