"""The browser client, built: files, no code. ``js/`` has its source."""
