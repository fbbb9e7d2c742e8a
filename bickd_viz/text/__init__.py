"""Sentences and numbers of each feature, as text."""
