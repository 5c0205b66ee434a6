"""Engine.IO 4 (and 3) without I/O: packets, payloads, the handshake, the session, its deadlines."""
