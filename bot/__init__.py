"""Clonebot: one hand-built server, many clones, from Slack."""
