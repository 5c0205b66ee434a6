"""Who is in which room; later, messages between nodes. No I/O."""
