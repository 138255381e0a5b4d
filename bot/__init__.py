"""Clonebot: one hand-built server, many clones, from Slack."""

__version__ = "0.1.0"
