"""Template files: a table of two models, and code that saves arrays. Without Streamlit."""

from __future__ import annotations

import csv
import io

CLASSES = ("bird", "cat", "dog")
_ROWS = (
    ("a.jpg", "bird", (2.1, 0.3, -1.2), (1.4, 0.5, -0.6)),
    ("b.jpg", "cat", (-0.4, 3.2, 1.1), (-0.2, 1.9, 1.3)),
    ("c.jpg", "dog", (-1.3, 0.9, 2.8), (-0.9, 1.2, 1.1)),
    ("d.jpg", "dog", (0.2, -0.8, 1.9), (0.4, -0.3, 1.5)),
    ("e.jpg", "bird", (1.7, -0.2, 0.1), (0.9, 0.1, 0.3)),
    ("f.jpg", "cat", (0.5, 2.4, 0.6), (0.8, 1.1, 0.9)),
)

NPZ = """\
import numpy as np

# logits: [samples, classes] before softmax (or probabilities); labels: [samples], from 0
np.savez("teacher.npz", logits=teacher_logits, labels=labels, class_names=class_names)
np.savez("student.npz", logits=student_logits, labels=labels, class_names=class_names)
"""

TORCH = """\
import numpy as np
import torch

logits, labels = [], []
model.eval()
with torch.inference_mode():
    for images, targets in loader:  # the test set, not shuffled
        logits.append(model(images).float().cpu().numpy())
        labels.append(targets.numpy())
np.savez("student.npz", logits=np.concatenate(logits), labels=np.concatenate(labels))
"""


def two_models_csv() -> str:
    """Return a CSV table of a teacher and a student on six samples of three classes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"{model}:{name}" for model in ("teacher", "student") for name in CLASSES]
    writer.writerow(["id", "label", *columns])
    for name, label, teacher, student in _ROWS:
        writer.writerow([name, label, *teacher, *student])
    return text.getvalue()
