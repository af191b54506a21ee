"""Nouns only: what every other floor passes to its neighbour.

This floor knows the shape of requests, facts, decisions, verdicts, cards and events. It refuses to know how any of
them comes about: no I/O, no clock, no policy. Invariant: everything that crosses a module border is a frozen
msgspec Struct from here, never a dict.
"""
