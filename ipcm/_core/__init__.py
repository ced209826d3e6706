"""The decisions, without I/O: no os, socket, select, time or threads in here.

Time, randomness and bytes come in as parameters, so that all of it runs under a virtual clock.
"""
