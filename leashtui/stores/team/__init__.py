"""The team store: the chains of many machines in one PostgreSQL database, appended through its functions only.

Knows the database: its address, its schema and what its errors mean. Refuses to know local logs and sessions. Imported
by nothing on the path of a decision; psycopg lives in this package only. Invariant: a record is acknowledged exactly
once by (chain, seq), and only when the server itself recomputed its link.
"""
