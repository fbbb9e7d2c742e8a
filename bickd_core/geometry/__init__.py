"""Geometry of prediction spaces: numpy and scipy only; umap and scikit-learn load inside the layout
functions.
"""
