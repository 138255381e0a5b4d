"""One row of the table, and how it is printed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure, what it was compared with in the same run, and what it has to reach, if anything."""

    what: str
    ours: str
    against: str
    result: str
    reach: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "yes", False: "**no**", None: ""}[self.reached]
        return f"| {self.what} | {self.ours} | {self.against} | {self.result} | {self.reach} | {verdict} |"


HEAD = "| what | ours | compared with | result | must reach | reached |\n|---|---|---|---|---|---|"
