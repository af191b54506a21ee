"""The agent's terminal: the process that owns the PTY master, the ring of its output, and the frames it speaks.

Knows bytes. Refuses to know what they mean: no escape sequence is read or changed on the way. Invariant: a face, fast
or slow or dead, can neither stop the agent's terminal for long nor make it grow.
"""
