"""Measures Socket.IO servers side by side: see METHOD.md."""
