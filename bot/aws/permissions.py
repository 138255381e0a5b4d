"""Which IAM permissions a function needs, said where it calls AWS."""

from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def needs(*permissions: str) -> Callable[[F], F]:
    """Say which permissions the function below uses."""

    def mark(function: F) -> F:
        function.__dict__["needs"] = permissions
        return function

    return mark


def needed(modules: Iterable[ModuleType]) -> tuple[str, ...]:
    """All permissions that the functions of these modules use, in order of the alphabet."""
    functions = (thing for module in modules for thing in vars(module).values() if callable(thing))
    return tuple(sorted({p for function in functions for p in getattr(function, "needs", ())}))
