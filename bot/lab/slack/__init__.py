"""A local Slack: Web API, Socket Mode and a page, strict where Slack is strict, on loopback only."""

from bot.lab.slack.board import Message
from bot.lab.slack.server import LocalSlack
from bot.lab.slack.team import Channel, Group, Person, Team

__all__ = ["Channel", "Group", "LocalSlack", "Message", "Person", "Team"]
