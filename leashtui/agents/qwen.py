"""Qwen Code. Runs `bash -c CMD` from PATH and kills it after 120 s."""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(
    kind="qwen",
    names=("qwen",),
    patience=120,
    quiet=("--yolo",),
    state=(".qwen/",),
    kept=(".qwen/settings", ".qwen/QWEN.md", ".qwen/extensions"),
)
