"""The line face: the agent's output as text, cards as numbered questions, answers as lines that begin with `!`.

For screen readers, dumb terminals and logs. Knows lines. Refuses to know screens and keys. Invariant: a line of leash
begins with a word that the agent cannot know, so no output of the agent can pass for a question or an answer.
"""
