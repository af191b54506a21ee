"""Who may use the team store: teams, logins and what each may do, written by whoever owns the database.

Knows PostgreSQL's roles. Refuses to keep passwords: they are the database's, sent to it as a SCRAM verifier so that
no log of the server ever holds one. Invariant: a login belongs to one team.
"""

from __future__ import annotations

from psycopg import sql

from leashtui.stores.team.link import Connection, speaking

RIGHTS = {"device": ("leash_writer",), "reader": ("leash_reader",), "reviewer": ("leash_reader", "leash_reviewer")}
"""What a member may be, and the roles that makes. A device cannot read: its agent would read the whole team's log."""


def make_team(connection: Connection, dsn: str, team: str) -> None:
    """A team of that name; nothing happens when it exists. Raises TeamError."""
    with speaking(dsn):
        connection.execute("INSERT INTO leash.team (name) VALUES (%s) ON CONFLICT DO NOTHING", (team,))


def enrol(connection: Connection, dsn: str, team: str, login: str, what: str, password: str = "") -> None:
    """Give `login` (made when it is new) its rights in `team`. what: a key of RIGHTS. Raises TeamError."""
    with speaking(dsn), connection.transaction():
        name = sql.Identifier(login)
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,)).rowcount:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        if password:
            verifier = connection.pgconn.encrypt_password(password.encode(), login.encode(), b"scram-sha-256")
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier.decode())))
        for role in RIGHTS[what]:
            connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), name))
        connection.execute(
            "INSERT INTO leash.member (login, team) SELECT %s, id FROM leash.team WHERE name = %s"
            " ON CONFLICT (login) DO UPDATE SET team = excluded.team",
            (login, team),
        )


def expel(connection: Connection, dsn: str, login: str) -> None:
    """Take every right from `login`; what it recorded stays. Raises TeamError."""
    with speaking(dsn), connection.transaction():
        connection.execute("DELETE FROM leash.member WHERE login = %s", (login,))
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (login,)).rowcount:
            for role in sorted({role for roles in RIGHTS.values() for role in roles}):
                connection.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), sql.Identifier(login)))
