"""Both ends, made with the official SDK, of all that the protocol knows besides calls: `rich.py serve [PORT]` and
`rich.py ask REPORT.json (URL | -- COMMAND...)`. REPORT: everything that came to the client, in order."""

from __future__ import annotations

import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import CreateMessageResult, ElicitResult, ListRootsResult, Root, SamplingMessage, TextContent
from pydantic import BaseModel, FileUrl

server = MCPServer("rich", instructions="All of it.")


class Answer(BaseModel):
    """What a person is asked for."""

    name: str


@server.tool(description="Works and tells.")
async def work(steps: int, ctx: Context[Any, Any]) -> str:
    for step in range(steps):
        await ctx.report_progress(step + 1, steps, f"step {step + 1}")
    return "worked"


@server.tool(description="Asks the model, the person and for folders.")
async def ask(ctx: Context[Any, Any]) -> str:
    said = [SamplingMessage(role="user", content=TextContent(type="text", text="what?"))]
    model = await ctx.session.create_message(said, max_tokens=10)
    person = await ctx.elicit("Your name?", Answer)
    roots = await ctx.session.list_roots()
    return json.dumps([model.model_dump(mode="json"), person.model_dump(mode="json"), roots.model_dump(mode="json")])


@server.tool(description="Changes the tools.")
async def change(ctx: Context[Any, Any]) -> str:
    await ctx.session.send_tool_list_changed()
    await ctx.session.send_resource_list_changed()
    await ctx.session.send_prompt_list_changed()
    return "changed"


@server.resource("note://one")
def one() -> str:
    return "grüße \u2603\r\n"


@server.resource("note://by/{name}")
def by(name: str) -> str:
    return f"by {name}"


@server.prompt(description="Words.")
def words(topic: str) -> str:
    return f"say something of {topic}"


async def client(report: Path, words: list[str]) -> None:
    """Everything once; what fails is written down as well."""
    heard: list[Any] = []

    def dump(thing: Any) -> Any:
        return thing.model_dump(mode="json") if hasattr(thing, "model_dump") else str(thing)

    async def sampling(context: Any, params: Any) -> CreateMessageResult:
        heard.append(["sampling", dump(params)])
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text="that"), model="m")

    async def elicitation(context: Any, params: Any) -> ElicitResult:
        heard.append(["elicitation", dump(params)])
        return ElicitResult(action="accept", content={"name": "me"})

    async def roots(context: Any) -> ListRootsResult:
        heard.append(["roots"])
        return ListRootsResult(roots=[Root(uri=FileUrl("file:///w"), name="w")])

    async def message(what: Any) -> None:
        heard.append(["message", dump(what)])

    async def progress(done: float, total: float | None, text: str | None) -> None:
        heard.append(["progress", done, total, text])

    async with AsyncExitStack() as stack:
        if words[0] == "--":
            parameters = StdioServerParameters(command=words[1], args=words[2:], env=None)
            streams = await stack.enter_async_context(stdio_client(parameters))
        else:
            streams = await stack.enter_async_context(streamable_http_client(words[0]))
        session = await stack.enter_async_context(ClientSession(
            streams[0], streams[1], sampling_callback=sampling, elicitation_callback=elicitation,
            list_roots_callback=roots, message_handler=message))  # fmt: skip
        began = await session.initialize()
        heard.append(["initialize", dump(began)])
        for name, act in (
            ("ping", session.send_ping),
            ("tools", session.list_tools),
            ("resources", session.list_resources),
            ("templates", session.list_resource_templates),
            ("prompts", session.list_prompts),
            ("read", lambda: session.read_resource("note://one")),
            ("by", lambda: session.read_resource("note://by/me")),
            ("none", lambda: session.read_resource("note://none")),
            ("prompt", lambda: session.get_prompt("words", {"topic": "tea"})),
            ("no prompt", lambda: session.get_prompt("none")),
            ("roots changed", session.send_roots_list_changed),
            ("work", lambda: session.call_tool("work", {"steps": 3}, progress_callback=progress)),
            ("ask", lambda: session.call_tool("ask", {})),
            ("change", lambda: session.call_tool("change", {})),
        ):
            try:
                heard.append([name, dump(await act())])
            except MCPError as error:
                heard.append([name, "error", str(error)])
        await anyio.sleep(0.5)
        await anyio.Path(report).write_text(json.dumps(heard, indent=1))


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        anyio.run(client, Path(sys.argv[2]), sys.argv[3:])
    elif sys.argv[2:]:
        server.run("streamable-http", port=int(sys.argv[2]))
    else:
        server.run("stdio")
