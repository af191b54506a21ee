"""Understands a command before it runs: text or argv in, typed facts out.

normalise -> parse -> typed tree -> bounded evaluation -> unwrap -> tool tables -> effects and dataflow -> Facts.
Pure: the only look at the machine goes through an injected read-only probe. It refuses to judge: what facts mean for a
verdict is policy. Invariant: what was not understood is said to be so; nothing unknown is reported as harmless.
"""
