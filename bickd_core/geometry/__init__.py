"""Geometry of prediction spaces, in numpy and scipy. Only the functions for layouts import umap and
scikit-learn.
"""
