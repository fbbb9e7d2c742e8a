"""Cached data for all pages: run folders, and figures computed from them.

The keys of the caches are fingerprints of files (path, size, time of change) and plain values. All
sessions share the cached values, so they must not be changed.
"""
