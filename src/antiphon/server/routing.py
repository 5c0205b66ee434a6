"""Which requests are for the Socket.IO server."""

from __future__ import annotations

__all__ = ["find_rest"]


def find_rest(path: str, root_path: str, prefix: str) -> str | None:
    """Return what stands behind the prefix, mostly nothing; None if the request is not for the Socket.IO server.

    The path is compared without the mount point, and with it, so that the server may be mounted where an application is
    mounted, or at its own path. As in the official server the comparison is by prefix.

    Args:
        path: of the request; some frameworks give it with the mount point, some without.
        root_path: the mount point.
        prefix: what the server answers to.
    """
    if path == prefix:
        # As nearly always, and sooner known than what follows.
        return ""
    if path.startswith(prefix):
        return path[len(prefix) :]
    if not root_path:
        return None
    rest = path.removeprefix(root_path)
    if rest.startswith(prefix):
        return rest[len(prefix) :]
    if rest and rest[0] != "/":
        # The mount point ended amid a name: "/socket.io" is no part of "/socket.io.js".
        rest = path
    outer = root_path.rstrip("/") + "/" + rest.lstrip("/")
    return outer[len(prefix) :] if outer.startswith(prefix) else None
