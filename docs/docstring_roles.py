"""Lets the reference show our docstrings: makes links of roles (``:meth:`Socket.emit```), and lists of entries.

mkdocs.yml names this file.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Alias, Class, Extension, Function, Object

_ROLE = re.compile(r":(?:class|meth|attr|func|data|exc):`~?([^`]+)`")
_LITERAL = re.compile(r"^::\n", re.MULTILINE)
_SECTION = re.compile(r"^(Events|Keys):\n((?: {4}.*\n?)+)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}([\w-]+): ", re.MULTILINE)


class DocstringRoles(Extension):
    """Rewrites docstrings before they are rendered."""

    def on_object(self, *, obj: Object | Alias, **_: Any) -> None:
        """Rewrite the docstring of one object."""
        if obj.is_alias or obj.docstring is None:
            return

        def link(role: re.Match[str]) -> str:
            target = role[1]
            return f'<autoref identifier="{_identifier(obj, target)}" optional><code>{_shown(target)}</code></autoref>'

        text = _LITERAL.sub("", _ROLE.sub(link, obj.docstring.value))
        obj.docstring.value = _SECTION.sub(_list_entries, text)


def _list_entries(section: re.Match[str]) -> str:
    """Make a list of a section that only our docstrings have."""
    return f"**{section[1]}:**\n\n" + _ENTRY.sub(r"- `\1` - ", section[2])


def _shown(target: str) -> str:
    return target.rpartition(".")[2] if target.startswith("antiphon.") else target


def _identifier(obj: Object | Alias, target: str) -> str:
    """Find out which public name is meant: pages know ``antiphon.Socket.emit``, wherever it is defined."""
    if target.startswith("antiphon."):
        return f"antiphon.{_shown(target)}"
    owner = obj if isinstance(obj, Class) else obj.parent if isinstance(obj, Function) else None
    if isinstance(owner, Class) and "." not in target and target in owner.members:
        return f"antiphon.{owner.name}.{target}"
    return f"antiphon.{target}"
