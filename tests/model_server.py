"""A model that follows a script, behind the four protocols real agents speak: no account, no network, no chance.

One server thread on loopback. Which step is due is read from the conversation itself (how many tool results it holds),
so that titles, summaries and retries of an agent cannot put the script out of step. Steps name what is to be done
(`shell`, `write`, `edit`, `read`, `mcp`, `task`); each protocol's table says how that agent's own tools are called. A
step that `say`s something ends the turn, until what it waits for (`until`) stands in the conversation. `parts` are the
scripts of sub-agents, by words of what they are asked. `all` holds steps that are called for at once. `find` holds
patterns of what the agent has said before, by the argument that they belong in.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Step = dict[str, Any]
DONE = "All steps are done."
_WARMING = '"Warmup"'
"""What Claude Code 2.0 asks its sub-agents at the start, so that their first words are in the cache."""
_EARLY = "is still connecting"
"""What Claude Code says of an MCP server that is slow to start: the step is not done, and is tried again."""


class Turn:
    """What the script makes of one request: text to say, or a tool (name, arguments) to call."""

    def __init__(
        self,
        number: int,
        text: str = "",
        tool: str = "",
        arguments: dict[str, Any] | None = None,
        more: tuple[Turn, ...] = (),
    ) -> None:
        self.number = number
        self.text = text
        self.tool = tool
        self.arguments = arguments or {}
        self.all = (self, *more)


def _choose(offered: set[str], *names: str) -> str:
    return next((name for name in names if name in offered), "")


def _call(step: Step, offered: set[str]) -> tuple[str, dict[str, Any]]:
    """The tool of this agent that does the step, and its arguments."""
    if "functions.exec" in offered and not {"task", "wait"} & step.keys():
        return _in_code(step)
    if "tool" in step:
        return step["tool"], step.get("arguments", {})
    if "shell" in step:
        command = step["shell"]
        name = _choose(offered, "Bash", "exec_command", "shell_command", "run_shell_command", "bash", "shell")
        words = {"exec_command": "cmd"}.get(name, "command")
        more = {k: v for k, v in step.items() if k not in {"shell"}}
        value: Any = ["bash", "-lc", command] if name == "shell" else command
        described = {"description": "a step"} if name in {"Bash", "bash", "run_shell_command"} else {}
        return name, {words: value, **described, **more}
    if "write" in step:
        path, content = step["write"]
        name = _choose(offered, "Write", "write_file", "write", "apply_patch")
        if name == "apply_patch" or not name:
            lines = "\n".join("+" + line for line in content.splitlines())
            return _patch(offered, f"*** Add File: {path}\n{lines}\n")
        return name, {"filePath" if name == "write" else "file_path": path, "content": content}
    if "edit" in step:
        path, old, new = step["edit"]
        name = _choose(offered, "Edit", "replace", "edit", "apply_patch")
        if name == "apply_patch":
            return _patch(offered, f"*** Update File: {path}\n@@\n-{old}\n+{new}\n")
        if name == "edit":
            return name, {"filePath": path, "oldString": old, "newString": new}
        more = {"instruction": "change it"} if name == "replace" else {}
        return name, {"file_path": path, "old_string": old, "new_string": new, **more}
    if "read" in step:
        name = _choose(offered, "Read", "read_file", "read")
        return name, {"filePath" if name == "read" else "file_path": step["read"]}
    if "patch" in step:
        return _patch(offered, step["patch"])
    if "task" in step:
        name = _choose(offered, "Agent", "Task", "task", "invoke_agent", "collaboration.spawn_agent", "spawn_agent")
        if name.endswith("spawn_agent"):
            return name, {"task_name": "part", "message": step["task"], "fork_turns": "none"}
        if name == "invoke_agent":
            return name, {"agent_name": "generalist", "prompt": step["task"]}
        kind = "general" if name == "task" else "general-purpose"
        return name, {"description": "a part", "prompt": step["task"], "subagent_type": kind}
    if "wait" in step:  # for sub-agents that work beside their agent
        return _choose(offered, "collaboration.wait_agent", "wait_agent"), {"timeout_ms": 60000}
    raise ValueError(f"a step nobody knows: {step}")


def _patch(offered: set[str], body: str) -> tuple[str, dict[str, Any]]:
    text = f"*** Begin Patch\n{body}*** End Patch\n"
    return "apply_patch", {"patchText": text} if "bash" in offered else {"input": text}


def _in_code(step: Step) -> tuple[str, dict[str, Any]]:
    """The JavaScript by which newer models of Codex call its tools."""
    name, given = _call(step, {"exec_command", "apply_patch"})
    words = given["input"] if name == "apply_patch" else given
    return "functions.exec", {"input": f"text(await tools.{name}({json.dumps(words)}))"}


class Model:
    """Serves `steps` until closed. said: everything that agents were told by tools, in order of arrival."""

    def __init__(self, steps: list[Step], parts: dict[str, list[Step]] | None = None) -> None:
        self.steps = steps
        self.parts = parts or {}
        self.requests: list[dict[str, Any]] = []
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                return

            def do_HEAD(self) -> None:
                self._send(200, b"")

            def do_GET(self) -> None:
                self._send(200, b'{"data": [], "models": []}')

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                try:
                    request = json.loads(body or b"{}")
                except ValueError:
                    request = {}
                status, kind, answer = model.answer(self.path, request)
                self._send(status, answer, kind)

            def _send(self, status: int, body: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Model:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def told(self) -> str:
        """Everything tools told the model, one string."""
        longest: list[str] = []
        for request in self.requests:
            found = list(_results(request))
            if len(found) >= len(longest):
                longest = found
        return "\n".join(longest)

    def sent(self) -> str:
        """All requests as JSON text."""
        return "\n".join(json.dumps(request) for request in self.requests)

    def _turn(self, request: dict[str, Any], offered: set[str]) -> Turn:
        results = list(_results(request))
        number, done = len(results), sum(_EARLY not in result for result in results)
        if not offered:
            return Turn(number, text="ok")
        asked = _asked(request)
        if _WARMING in asked:
            return Turn(number, text="ok")
        steps = next((part for words, part in self.parts.items() if words in asked), self.steps)
        text = json.dumps(request, ensure_ascii=False) if any("until" in step for step in steps) else ""
        steps = [step for step in steps if "until" not in step or step["until"] not in text]
        flat = [(step, nth) for step in steps for nth in range(len(step.get("all", "1")))]
        if done >= len(flat):
            return Turn(number, text=DONE)
        step, nth = flat[done]
        if done < number:
            time.sleep(0.2)
        if "all" in step:
            calls = [_call(part, offered) for part in step["all"]][nth:]
            first, *rest = (Turn(number + at, tool=tool, arguments=given) for at, (tool, given) in enumerate(calls))
            return Turn(number, tool=first.tool, arguments=first.arguments, more=tuple(rest))
        if "say" in step:
            return Turn(number, text=step["say"])
        tool, arguments = _call(step, offered)
        for key, pattern in step.get("find", {}).items():  # what the agent said, put in for {}
            said = re.findall(pattern, json.dumps(request, ensure_ascii=False))[-1]
            arguments[key] = int(said) if said.isdigit() else arguments[key].replace("{}", said)
        return Turn(number, tool=tool, arguments=arguments)

    def answer(self, path: str, request: dict[str, Any]) -> tuple[int, str, bytes]:
        """(status, content type, body) for one request."""
        self.requests.append(request)
        bare = path.partition("?")[0]
        if bare.endswith(("/count_tokens", ":countTokens")):
            return 200, "application/json", b'{"input_tokens": 10, "totalTokens": 10}'
        if bare.endswith("/messages"):
            turn = self._turn(request, {t.get("name", "") for t in request.get("tools") or ()})
            return _sse(_anthropic(turn)) if request.get("stream") else _json(_anthropic_whole(turn))
        if bare.endswith("/responses"):
            return _sse(_responses(self._turn(request, set(_tools(request))), request))
        if bare.endswith("/chat/completions"):
            turn = self._turn(request, {t["function"]["name"] for t in request.get("tools") or ()})
            return _sse(_chat(turn), done=True) if request.get("stream") else _json(_chat_whole(turn))
        if "GenerateContent" in bare or "generateContent" in bare:
            offered = {f["name"] for t in request.get("tools") or () for f in t.get("functionDeclarations") or ()}
            turn = self._turn(request, offered)
            return _sse([("", _gemini(turn))]) if "stream" in bare else _json(_gemini(turn))
        return 200, "application/json", b"{}"


def _results(request: dict[str, Any]) -> Iterator[str]:
    """The tool results a request carries, as text, in any of the four protocols."""
    for message in request.get("messages") or ():
        if message.get("role") == "tool":
            yield _text(message.get("content"))
        for block in message.get("content") if isinstance(message.get("content"), list) else ():
            if isinstance(block, dict) and block.get("type") == "tool_result":
                yield _text(block.get("content"))
    items = request.get("input")
    for item in items if isinstance(items, list) else ():
        if item.get("type") in {"function_call_output", "custom_tool_call_output"}:
            yield _text(item.get("output"))
    for content in request.get("contents") or ():
        for part in content.get("parts") or ():
            if "functionResponse" in part:
                yield json.dumps(part["functionResponse"].get("response"), ensure_ascii=False)


def _asked(request: dict[str, Any]) -> str:
    """What the conversation began with, as far as the user's side said it."""
    messages = request.get("messages") or request.get("input") or request.get("contents") or ()
    told = [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    said = [m for m in told if m.get("role") == "user" or m.get("recipient", "/root") != "/root"]
    return json.dumps(said[:3], ensure_ascii=False)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(b.get("text", b)) if isinstance(b, dict) else str(b) for b in content)
    return json.dumps(content, ensure_ascii=False)


def _json(body: dict[str, Any]) -> tuple[int, str, bytes]:
    return 200, "application/json", json.dumps(body).encode()


def _sse(events: list[tuple[str, dict[str, Any]]], done: bool = False) -> tuple[int, str, bytes]:
    lines = [(f"event: {kind}\n" if kind else "") + f"data: {json.dumps(data)}\n\n" for kind, data in events]
    return 200, "text/event-stream", ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


def _anthropic_whole(turn: Turn) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": turn.text}]
    if turn.tool:
        blocks = [
            {"type": "tool_use", "id": f"toolu_{one.number:04}", "name": one.tool, "input": one.arguments}
            for one in turn.all
        ]
    return {
        "id": f"msg_{turn.number}",
        "type": "message",
        "role": "assistant",
        "model": "scripted",
        "content": blocks,
        "stop_reason": "tool_use" if turn.tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }


def _anthropic(turn: Turn) -> list[tuple[str, dict[str, Any]]]:
    whole = _anthropic_whole(turn)
    blocks: list[dict[str, Any]] = []
    for at, (block, one) in enumerate(zip(whole["content"], turn.all, strict=True)):
        empty = {**block, "input": {}} if turn.tool else {**block, "text": ""}
        delta = {"type": "text_delta", "text": turn.text}
        if turn.tool:
            delta = {"type": "input_json_delta", "partial_json": json.dumps(one.arguments)}
        blocks += [
            {"type": "content_block_start", "index": at, "content_block": empty},
            {"type": "content_block_delta", "index": at, "delta": delta},
            {"type": "content_block_stop", "index": at},
        ]
    start = {**whole, "content": [], "stop_reason": None}
    events = [
        {"type": "message_start", "message": start},
        *blocks,
        {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
    return [(str(e["type"]), e) for e in events]


def _tools(request: dict[str, Any]) -> dict[str, str]:
    """What is offered in OpenAI's Responses, by name, with its type; what lies in a namespace as `space.name`."""
    items = request.get("input")
    extra = (
        [t for i in items if i.get("type") == "additional_tools" for t in i["tools"]] if isinstance(items, list) else []
    )
    found = {}
    for tool in (*(request.get("tools") or ()), *extra):
        inside = tool.get("tools") if tool.get("type") == "namespace" else None
        space = f"{tool['name']}." if inside is not None else ""
        for one in inside if inside is not None else [tool]:
            found[space + (one.get("name") or one.get("type", ""))] = one.get("type", "")
    return found


def _item(turn: Turn, request: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "message",
        "id": f"item_{turn.number}",
        "role": "assistant",
        "content": [{"type": "output_text", "text": turn.text, "annotations": []}],
    }
    space, _, bare = turn.tool.rpartition(".")
    if _tools(request).get(turn.tool) == "custom":
        item = {
            "type": "custom_tool_call",
            "id": f"item_{turn.number}",
            "call_id": f"call_{turn.number}",
            "name": bare,
            "input": turn.arguments["input"],
        }
    elif turn.tool:
        item = {
            "type": "function_call",
            "id": f"item_{turn.number}",
            "call_id": f"call_{turn.number}",
            "name": bare,
            "arguments": json.dumps(turn.arguments),
        }
        if turn.tool.startswith("mcp__") and turn.tool.count("__") > 1:  # a tool within its server's namespace
            server, _, name = turn.tool.rpartition("__")
            item |= {"namespace": server, "name": name}
    return {**item, "namespace": space} if space and "namespace" not in item else item


def _responses(turn: Turn, request: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    items = [_item(one, request) for one in turn.all]
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": f"resp_{turn.number}"}}]
    for at, item in enumerate(items):
        events.append({"type": "response.output_item.added", "output_index": at, "item": item})
        events.append({"type": "response.output_item.done", "output_index": at, "item": item})
    whole = {"id": f"resp_{turn.number}", "output": items, "usage": usage}
    events.append({"type": "response.completed", "response": whole})
    return [(str(e["type"]), e) for e in events]


def _chat_message(turn: Turn) -> dict[str, Any]:
    if not turn.tool:
        return {"role": "assistant", "content": turn.text}
    calls = [
        {
            "index": at,
            "id": f"call_{one.number}",
            "type": "function",
            "function": {"name": one.tool, "arguments": json.dumps(one.arguments)},
        }
        for at, one in enumerate(turn.all)
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def _chat_whole(turn: Turn) -> dict[str, Any]:
    choice = {"index": 0, "message": _chat_message(turn), "finish_reason": "tool_calls" if turn.tool else "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {"id": f"c{turn.number}", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
            "usage": usage}  # fmt: skip


def _chat(turn: Turn) -> list[tuple[str, dict[str, Any]]]:
    base = {"id": f"c{turn.number}", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    end = "tool_calls" if turn.tool else "stop"
    return [
        ("", {**base, "choices": [{"index": 0, "delta": _chat_message(turn), "finish_reason": None}]}),
        ("", {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": end}],
              "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}}),
    ]  # fmt: skip


def _gemini(turn: Turn) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": turn.text}]
    if turn.tool:
        parts = [{"functionCall": {"name": one.tool, "args": one.arguments}} for one in turn.all]
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18},
        "modelVersion": "scripted",
    }
