"""Cached reads of run folders, and the geometry over them, for all pages.

Caches are keyed by the content of files (path, size, time of change) and by plain values, never by
arrays. What they hold is shared by all sessions and frozen; nobody changes it.
"""
