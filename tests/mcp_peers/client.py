"""A client made with the official SDK, as the agent of a session: `client.py STEPS.json REPORT.json -- COMMAND...`.

STEPS: a list of {list: 1} | {call: name, arguments: {...}} | {read: uri} | {cancel: name, arguments, after: seconds} |
{wait: file} | {url: address} first, for a server behind an address. REPORT: one entry a step, of what came back.
"""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


async def step(session: ClientSession, wish: dict[str, Any]) -> Any:
    if "list" in wish:
        return {t.name: t.description for t in (await session.list_tools()).tools}
    if "wait" in wish:
        while not await anyio.Path(wish["wait"]).exists():
            await anyio.sleep(0.05)
        return "there"
    if "read" in wish:
        return (await session.read_resource(wish["read"])).model_dump(mode="json")
    if "cancel" in wish:
        with anyio.move_on_after(wish["after"]):
            await session.call_tool(wish["cancel"], wish["arguments"])
        return "cancelled"
    answer = await session.call_tool(wish["call"], wish.get("arguments", {}))
    return {"text": "\n".join(getattr(c, "text", "") for c in answer.content), "failed": answer.is_error}


async def main(steps: list[dict[str, Any]], report: Path, words: list[str]) -> None:
    made: list[Any] = []
    async with AsyncExitStack() as stack:
        if "url" in steps[0]:
            connect = sse_client if steps[0].get("sse") else streamable_http_client
            streams = await stack.enter_async_context(connect(steps.pop(0)["url"]))
        else:
            parameters = StdioServerParameters(command=words[0], args=words[1:], env=None)
            streams = await stack.enter_async_context(stdio_client(parameters))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await session.initialize()
        for wish in steps:
            try:
                made.append(await step(session, wish))
            except MCPError as error:
                made.append({"error": str(error)})
            await anyio.Path(report).write_text(json.dumps(made))


if __name__ == "__main__":
    anyio.run(main, json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), sys.argv[4:])
