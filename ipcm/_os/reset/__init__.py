"""Putting right, in a child of one of several threads, what the others were in the middle of.

A fork copies one thread and everything else: locks that other threads hold, streams with half a
line in them, sockets that threads of libraries serve. Each module here puts one of these right.
"""
