"""Which models and providers an agent's settings name, and where those are: for the inventory.

Knows the keys by which agents write them. Refuses to look for keys, tokens and anything secret: of an address only
host and path are told. Invariant: what is not text is left out, never guessed.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

_MODELS = (
    "model",
    "small_model",
    "model.name",
    "review_model",
    "env.ANTHROPIC_MODEL",
    "env.ANTHROPIC_SMALL_FAST_MODEL",
)
_CHOSEN = ("model_provider", "security.auth.selectedType", "selectedAuthType", "forceLoginMethod")
_TABLES = ("provider", "model_providers", "modelProviders")
_ADDRESSES = ("env.ANTHROPIC_BASE_URL", "openai_base_url", "chatgpt_base_url")
_ADDRESS = ("base_url", "baseURL", "baseUrl", "options.baseURL")


def named(document: Any) -> Iterator[str]:
    """One sentence for each model and provider that a settings document names."""
    for key in _MODELS:
        if text := _text(document, key):
            yield f"model {text}"
    for key in _CHOSEN:
        if text := _text(document, key):
            yield f"provider chosen by {key}: {text}"
    for key in _ADDRESSES:
        if text := _text(document, key):
            yield f"provider at {_place(text)}"
    for key in _TABLES:
        table = _at(document, key)
        for name, entry in table.items() if isinstance(table, Mapping) else ():
            where = next((text for each in _ADDRESS if (text := _text(entry, each))), "")
            yield f"provider {name}{f' at {_place(where)}' if where else ''}"


def _at(document: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        document = document.get(key) if isinstance(document, Mapping) else None
    return document


def _text(document: Any, dotted: str) -> str:
    value = _at(document, dotted)
    return value if isinstance(value, str) else ""


def _place(address: str) -> str:
    """An address without who asks and what is asked."""
    try:
        at = urllib.parse.urlsplit(address)
        port = f":{at.port}" if at.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{at.scheme}://{at.hostname or ''}{port}{at.path}"
