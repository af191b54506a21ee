"""Every sentence about a verdict, once: refusals on stderr, cards, timeline, log and hooks all speak through here.

This floor knows English and the nouns. It refuses to know who asked or where the sentence is shown. Invariant: a
sentence about a refusal says what, why, by which policy, and what to do next, in one line of printable characters.
"""
