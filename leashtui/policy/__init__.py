"""The policy decision point: Cedar with a third answer, in layers, without a clock and without threads.

This floor knows Cedar text, layers, grants and how matches combine into allow, ask or deny. It refuses to know
who asks, who answers, how a command was understood, and what time it is. Invariant: whatever goes wrong here is a
deny or a load error that names file, line, column and remedy; nothing is permitted because something failed.
"""
