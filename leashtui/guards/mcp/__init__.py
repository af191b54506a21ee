"""The MCP guard: every message between an agent and a server it talks to by the Model Context Protocol.

Knows JSON-RPC, the frames of the relay and of the HTTP endpoint, and which messages ask for something to be done.
Refuses to decide and to know any agent's configuration. Invariant: a message that was not understood is never passed
to a server; what passes, passes byte for byte.
"""
