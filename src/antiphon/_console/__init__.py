"""What the commands ``antiphon connect``, ``antiphon emit`` and ``antiphon bench`` do."""
