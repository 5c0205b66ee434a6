"""Copies of data that another thread may go on to change."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import is_dataclass

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
    if is_dataclass(value):
        try:
            return deepcopy(value)
        except TypeError:
            # It has something private that cannot be copied; what is sent of it is taken not to change.
            return value
    return value
