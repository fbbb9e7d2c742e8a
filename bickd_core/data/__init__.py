"""Data sets as arrays. Only `augment` and `device` need torch."""
