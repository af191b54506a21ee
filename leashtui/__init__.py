"""leashtui: the layer above coding agents that sees, decides and proves what they do."""

__version__ = "0.1.0"
