"""Servers as administrators leave them: with pitfalls, and with what only looks like one."""

from tests.e2e.seeds.account import ACCOUNTS
from tests.e2e.seeds.alike import LOOK_ALIKES
from tests.e2e.seeds.data import DATA
from tests.e2e.seeds.identity import IDENTITY
from tests.e2e.seeds.machine import FAR, MACHINE
from tests.e2e.seeds.seed import LookAlike, Seed
from tests.e2e.seeds.work import WORK

BATCHES = {"nginx": WORK + IDENTITY, "apache": DATA + MACHINE}
"""What is done to the server of each stack; nothing of it disturbs the rest."""

__all__ = ["ACCOUNTS", "BATCHES", "FAR", "LOOK_ALIKES", "LookAlike", "Seed"]
