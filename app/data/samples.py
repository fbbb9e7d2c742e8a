"""Samples behind a figure, and their images."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.data.comparison import Comparison, Model
from app.data.figures import probabilities
from app.data.runs import library
from bickd_core.data import image_credit as credit_of
from bickd_core.data.thumbnails import Thumbnails
from bickd_core.geometry import pair_contributions


def pair_samples(
    of: Comparison, model: Model, pair: tuple[int, int], temperature: float, most: int
) -> np.ndarray:
    """Positions of the samples that carry most of the cosine of two class columns, the first the greatest."""
    share = pair_contributions(probabilities(of, model, temperature), *pair)
    return np.argsort(-share, kind="stable")[:most]


def thumbnails(of: Comparison) -> Thumbnails:
    return _thumbnails(of.dataset, of.split)


@st.cache_resource(max_entries=16, show_spinner=False)
def _thumbnails(dataset: str, split: str) -> Thumbnails:
    shelf = library().shelf / dataset
    return Thumbnails.for_dataset(dataset, split, shelf=shelf if shelf.exists() else None)


def image_credit(of: Comparison) -> str:
    return credit_of(of.dataset)
