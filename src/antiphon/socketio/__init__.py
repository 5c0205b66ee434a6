"""Socket.IO 5 without I/O: packets, parsers, acknowledgements."""
