"""Bring your own: predictions that were made elsewhere become runs that can be compared."""
