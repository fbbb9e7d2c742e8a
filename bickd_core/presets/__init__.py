"""The options of each loss, with their ranges and published defaults. They need no torch."""
