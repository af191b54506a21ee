"""A server made with the official SDK: `server.py [DESCRIPTIONS.json] [--http PORT | --sse PORT]`.

DESCRIPTIONS: {tool: description} of further tools that answer their own name; read anew at each start. What `touch`
does shows whether a call arrived, and how often.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("peer")


def note(path: str, text: str) -> None:
    """Leave a trace."""
    Path(path).write_text(text)


@server.tool(description="Says it back.")
def echo(text: str) -> str:
    return text


@server.tool(description="Makes a file.", annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
def touch(path: str) -> str:
    with Path(path).open("a") as trace:
        trace.write("touched\n")
    return "made"


@server.tool(description="Fails.")
def boom() -> str:
    raise RuntimeError("the tool itself failed")


@server.tool(description="Takes long.")
async def slow(path: str) -> str:
    try:
        await anyio.sleep(60)
    except BaseException:
        note(path, "cancelled\n")
        raise
    return "late"


@server.tool(description="Answers much.")
def big(size: int) -> str:
    return "x" * size


def more(file: str) -> None:
    """The tools of a file."""
    for name, description in json.loads(Path(file).read_text()).items():
        server.add_tool(lambda said=name: said, name=name, description=description)


if __name__ == "__main__":
    words = sys.argv[1:]
    if words and not words[0].startswith("--"):
        more(words.pop(0))
    if words[:1] == ["--http"]:
        server.run("streamable-http", port=int(words[1]))
    elif words[:1] == ["--sse"]:
        server.run("sse", port=int(words[1]))
    else:
        server.run("stdio")
