"""One line of text being typed in the footer: the reason of a denial, or a filter.

Pure. Refuses control characters, so that what a person pastes cannot speak to a terminal or break a message.
Invariant: the text is printable and at most `LIMIT` characters.
"""

from __future__ import annotations

LIMIT = 400


class LineEditor:
    """Text with a cursor. prompt: shown before it. purpose: deny|filter."""

    def __init__(self, prompt: str, purpose: str, subject: str = "", text: str = "") -> None:
        self.prompt = prompt
        self.purpose = purpose
        self.subject = subject
        self.text = text
        self.at = len(text)

    def insert(self, text: str) -> None:
        """Type or paste `text` at the cursor; line ends become spaces."""
        clean = "".join(c for c in text.replace("\r", " ").replace("\n", " ") if c.isprintable())
        clean = clean[: LIMIT - len(self.text)]
        self.text = self.text[: self.at] + clean + self.text[self.at :]
        self.at += len(clean)

    def key(self, name: str, character: str | None) -> bool:
        """Obey an editing key; returns whether it was one."""
        match name:
            case "backspace" | "ctrl+h":
                self.text = self.text[: max(0, self.at - 1)] + self.text[self.at :]
                self.at = max(0, self.at - 1)
            case "delete":
                self.text = self.text[: self.at] + self.text[self.at + 1 :]
            case "left":
                self.at = max(0, self.at - 1)
            case "right":
                self.at = min(len(self.text), self.at + 1)
            case "home" | "ctrl+a":
                self.at = 0
            case "end" | "ctrl+e":
                self.at = len(self.text)
            case "ctrl+u":
                self.text, self.at = self.text[self.at :], 0
            case "ctrl+w":
                kept = self.text[: self.at].rstrip()
                kept = kept[: kept.rfind(" ") + 1]
                self.text, self.at = kept + self.text[self.at :], len(kept)
            case _ if character and character.isprintable():
                self.insert(character)
            case _:
                return False
        return True
