"""The agent has the whole terminal; the panel is one key away.

Knows bytes. Refuses to draw over the agent: it speaks by title, bell and the terminal's own progress mark.
"""
