"""Which requests are for the Socket.IO server."""

from __future__ import annotations

__all__ = ["matches"]


def matches(path: str, root_path: str, prefix: str) -> bool:
    """Say whether a request is for the Socket.IO server.

    The path is compared without the mount point, and with it, so that the server may be mounted where an application is
    mounted, or at its own path. As in the official server the comparison is by prefix.

    Args:
        path: of the request; some frameworks give it with the mount point, some without.
        root_path: the mount point.
        prefix: what the server answers to.
    """
    if path.startswith(prefix):
        return True
    if not root_path:
        return False
    rest = path.removeprefix(root_path)
    return rest.startswith(prefix) or (root_path.rstrip("/") + "/" + rest.lstrip("/")).startswith(prefix)
