"""The command line that every client of the benchmark has, and what it prints."""

from __future__ import annotations

import argparse
import json

PAYLOAD = "x" * 64
FLOOD = 10_000
"""How many events the server is asked for at once."""


def parse(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mode", choices=("echo", "listen"), required=True)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.0)
    return parser.parse_args()


def tell(events: int, seconds: float) -> None:
    print(json.dumps({"events_per_s": events / seconds}))
