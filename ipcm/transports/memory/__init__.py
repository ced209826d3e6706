"""Peers in the threads of one process: for tests, and for parts of one program."""
