"""Figures, each with its target, on this machine: `python -m tests.benchmarks`.

They are measured, not tested: a machine that others use tells little. test_benchmarks.py only
sees to it that each can be measured.
"""
