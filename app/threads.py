"""Limit the app's matrix products to one thread.

They are small (a Gram of 95 classes takes a millisecond), so a second thread does not help. If
trainings run at the same time, the threads of OpenBLAS wait for each other: five summaries of
10,000 x 100 took 21 to 52 s with two threads, and 1 to 3 s with one.
"""

from __future__ import annotations

import os

import streamlit as st
from threadpoolctl import threadpool_limits

CHOSEN = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@st.cache_resource(show_spinner=False)
def settle() -> str:
    """Set one thread, unless the environment sets a number. Returns the choice with its reason."""
    for name in CHOSEN:
        if name in os.environ:
            return f"{os.environ[name]} BLAS thread(s), as {name} says"
    threadpool_limits(1, user_api="blas")
    return "1 BLAS thread, so that training on this machine does not stall the app"
