"""Everything that is configured: environment variables and the fleet file."""

from bot.settings.environment import Environment
from bot.settings.fleet_file import FleetFile, load

__all__ = ["Environment", "FleetFile", "load"]
