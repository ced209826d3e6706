"""How fast it is on this machine, beside what one would use instead.

subjects.py  systems that echo requests: a raw socket, multiprocessing.Connection, ipcm
measure.py   the figures, each a median over rounds in which all subjects take turns
"""
