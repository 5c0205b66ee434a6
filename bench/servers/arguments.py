"""The command line that every server of the benchmark has."""

from __future__ import annotations

import argparse


def parse(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--cert", help="a certificate, for TLS")
    parser.add_argument("--key", help="its private key")
    parser.add_argument("--deflate", action="store_true", help="offer permessage-deflate")
    return parser.parse_args()
