"""The recipe with the names of real servers filled in."""

from dataclasses import replace

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.domain.errors import ConfigError
from bot.domain.fleet import Recipe, Rewrite

_TEMPLATES = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
)


def fill(recipe: Recipe, *, master_address: str, clone_address: str) -> Recipe:
    """Replace `{{ master.private_ip }}`, `{{ clone.private_ip }}`. ConfigError on any other name."""
    names = {"master": {"private_ip": master_address}, "clone": {"private_ip": clone_address}}
    return replace(recipe, rewrite=tuple(_fill(rewrite, names) for rewrite in recipe.rewrite))


def _fill(rewrite: Rewrite, names: dict[str, dict[str, str]]) -> Rewrite:
    try:
        return replace(rewrite, replace=_TEMPLATES.from_string(rewrite.replace).render(names))
    except (TemplateError, TypeError, ArithmeticError) as error:
        raise ConfigError(
            f"The recipe's setting for {rewrite.file} cannot be filled in: {error}. "
            "Known names: {{ master.private_ip }}, {{ clone.private_ip }}."
        ) from error
