"""Where the widgets stand, as Textual's style rules.

Knows their names: header, body with agent and side, footer, and what stands in for all of it on a tiny terminal.
Refuses colours: those are in `look`. Invariant: on a narrow terminal either agent or side is shown, never both.
"""

RULES = """
Screen { layout: vertical; background: ansi_default; overflow: hidden; }
#header, #footer { height: 1; }
#body { height: 1fr; background: ansi_default; }
#agent { width: 1fr; height: 1fr; background: ansi_default; color: ansi_default; }
#side { width: 46; height: 1fr; }
#small { height: 1fr; display: none; }
.small #header, .small #footer, .small #body { display: none; }
.small #small { display: block; }
.narrow #side { display: none; }
.narrow.panel #side { display: block; width: 1fr; }
.narrow.panel #agent { display: none; }
"""
