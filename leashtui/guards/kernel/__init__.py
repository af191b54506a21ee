"""The Linux kernel guard: what needs no root and no compiler, in ctypes; x86-64, and aarch64 untested.

abi: numbers and calls. filter: the seccomp program. launcher and spawn: the two ends of locking the agent up. image:
what a stopped process is. execguard: ask, hold, release, refuse. probe: what this host gives. Invariant: nothing in
this package judges an act.
"""
