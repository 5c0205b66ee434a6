"""Copies of data that another thread may go on to change."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import fields, is_dataclass

__all__ = ["snapshot"]


def snapshot(packet: Sequence[object]) -> list[object]:
    """Copy an event: its containers and its binary; anything else in it is taken not to change."""
    return [_copy(value) for value in packet]


def _copy(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if is_dataclass(value) and not isinstance(value, type):
        twin = copy(value)
        for field in fields(value):
            # Private ones are not sent, and may be what cannot be copied.
            if not field.name.startswith("_"):
                object.__setattr__(twin, field.name, _copy(getattr(value, field.name)))
        return twin
    return value
