"""Arithmetic of `$((...))`, as far as constants and known variables carry it. Pure.

Refuses anything that is no plain expression of integers. Invariant: what is not certain is an unknown value.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from leashtui.classify.patterns import lazy
from leashtui.classify.values import UNKNOWN

_SAFE = lazy(r"[\w\s+\-*/%()<>=!&|^~]{1,200}")
_NAME = lazy(r"\b[A-Za-z_]\w*")
_BIG = 2**63


def compute(text: str, value_of: Callable[[str], str]) -> str:
    """The value of an arithmetic expression as text, or the unknown value."""
    if _SAFE.fullmatch(text) is None or "**" in text:
        return UNKNOWN
    filled = _NAME.sub(lambda m: value_of(m.group()) or "0", text).strip()
    if _SAFE.fullmatch(filled) is None or _NAME.search(filled):
        return UNKNOWN
    try:
        number = _walk(ast.parse(re.sub(r"\b0+(?=\d)", "", filled) or "0", mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError, SystemError):
        return UNKNOWN
    return str(number) if -_BIG < number < _BIG else UNKNOWN


def _walk(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return int(node.value)
    if isinstance(node, ast.UnaryOp):
        inner = _walk(node.operand)
        kind = type(node.op)
        return (
            -inner
            if kind is ast.USub
            else ~inner
            if kind is ast.Invert
            else int(not inner)
            if kind is ast.Not
            else inner
        )
    if isinstance(node, ast.BinOp):
        left, right = _walk(node.left), _walk(node.right)
        kind_of = type(node.op)
        if kind_of is ast.Add:
            return left + right
        if kind_of is ast.Sub:
            return left - right
        if kind_of is ast.Mult:
            return left * right
        if kind_of in (ast.Div, ast.FloorDiv):
            return int(left / right)
        if kind_of is ast.Mod:
            return left - right * int(left / right)
    raise ValueError("no plain arithmetic")
