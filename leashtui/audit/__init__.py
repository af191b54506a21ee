"""The proof floor, pure: hash chain, verification, masking of secrets, and the one query language.

Knows bytes and records. Refuses to know files, databases, clocks and randomness: rows, times and secret values are
handed in. Invariant: what is stored is hashed as the exact bytes that lie on the disk; nothing is re-encoded to verify.
"""
