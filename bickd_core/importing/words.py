"""Names that people give to columns and arrays of predictions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LABELS = (
    "label", "labels", "target", "targets", "y", "y_true", "true", "truth", "true_label",
    "true_class", "ground_truth", "gt", "gt_label", "class", "fine_label", "category", "label_idx",
    "actual", "y_test", "label_id", "label_ids", "true_labels", "true_label_idx", "true_label_id",
    "true_label_name", "true_idx", "true_class_id", "true_class_idx", "true_class_index",
    "true_class_name", "true_name", "gt_labels", "gt_class", "groundtruth", "gts", "trues",
    "y_trues", "class_id", "class_idx",
    "class_index", "actual_label", "actual_class", "target_label", "test_labels", "labels_test",
    "gold", "golds", "gold_label", "gold_labels", "intent", "true_intent", "label_text",
    "label_name", "text_label", "targ", "targs", "label_true", "labels_true", "class_true",
    "true_y", "y_label", "target_class", "ground_truth_label", "gt_class_id", "species",
    "diagnosis", "y_val", "y_valid", "val_labels",
)  # fmt: skip
ROW_NUMBERS = ("column_1", "unnamed_0", "index_level_0")
"""Names of an index of pandas that has none: in csv, csv read again, and parquet or feather."""
NAMED_IDS = (
    "id", "ids", "sample_id", "image_id", "uid", "uuid", "key", "index", "idx", "sample",
)  # fmt: skip
OTHER_IDS = (
    "image_name", "img_id", "img_name", "file_id", "isic_id", "row_id", "row_name", "row_names",
    "sample_name", "example_id", "sample_idx", "image_idx", "guid", "uri", "url",
)  # fmt: skip
"""Names of ids in a table without one of the names above, without paths and without texts."""
IDS = (*NAMED_IDS, *OTHER_IDS, *ROW_NUMBERS)
PATHS = (
    "path", "paths", "file", "files", "filename", "filenames", "file_name", "filepath", "file_path",
    "image", "image_path", "img", "img_path", "image_file",
)  # fmt: skip
TEXTS = (
    "text", "texts", "sentence", "content", "review", "title", "question", "document", "body",
    "tweet", "message", "comment", "premise", "utterance", "utterances", "query", "sms", "input",
    "inputs", "input_text", "prompt", "sentences", "headline", "email", "post",
    "sequence",
)  # fmt: skip
SAMPLES = (*NAMED_IDS, *PATHS, *OTHER_IDS, *ROW_NUMBERS)
"""Names of columns that tell samples apart, the surest first."""
SEEDS = ("seed", "seeds", "random_seed", "rng_seed")
MODELS = ("model", "model_name", "network", "run", "arch")
CLASSES = (
    "classes",
    "class_names",
    "classnames",
    "label_names",
    "names",
    "target_names",
    "categories",
)
FEATURES = ("features", "feature", "feat", "feats", "embedding", "embeddings", "hidden", "pooled")
INPUTS = (
    "x", "x_test", "x_val", "test_x", "inputs", "input", "images", "image", "imgs", "pixels",
)  # fmt: skip
"""Names of arrays of what a model sees."""
SCORES = (
    "logit", "logits", "prob", "probs", "proba", "probability", "probabilities", "p", "score",
    "scores", "softmax", "output", "outputs", "pred", "preds", "prediction", "predictions",
    "predict", "class",
    "y", "log", "logprobs",
)  # fmt: skip
"""Words in a column's name that describe its numbers, so they are not part of a model's name."""
UNUSED = (
    "pred", "prediction", "predicted", "y_pred", "pred_label", "predicted_label", "confidence",
    "conf",
    "correct", "loss", "split", "fold", "top1", "top5", "margin", "entropy", "epoch", "weight",
    "max_prob", "time", "batch", "pred_idx", "pred_class", "pred_class_id", "pred_class_idx",
    "pred_class_index", "predicted_idx", "predicted_class", "predicted_class_id",
    "predicted_class_idx", "predicted_class_index", "predicted_label_idx", "prediction_idx",
    "pred_confidence", "pred_conf", "prediction_confidence", "y_hat", "argmax", "is_correct",
    "max_score",
    *SEEDS,
)  # fmt: skip
"""Names of columns of numbers that are not scores of a class."""
PREDICTED = {
    "pred", "preds", "predicted", "prediction", "predictions", "predict", "hat", "argmax", "top",
    "top1", "best", "output", "guess",
}  # fmt: skip
"""Words in the name of a column of predicted classes."""
TRUE = {"true", "trues", "truth", "groundtruth", "gt", "gts", "gold", "golds", "actual"}
"""Words in the name of a column of true classes."""


def normal(name: str) -> str:
    """Return a name in the form of the lists above.

    >>> normal("True Label"), normal("classes_"), normal("y-true"), normal("Unnamed: 0")
    ('true_label', 'classes', 'y_true', 'unnamed_0')
    >>> normal("ImageId"), normal("trueLabel"), normal("sampleID"), normal("ResNet50")
    ('image_id', 'true_label', 'sample_id', 'res_net50')
    """
    name = _CAMEL.sub("_", name)
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=ID\b)")
"""Where a word in a name such as "ImageId" ends."""


def first_named(names: Iterable[str], accepted: Iterable[str]) -> str:
    """Return the name that comes first in a list above; "" if none is in it.

    >>> first_named(["Unnamed: 0", "Key"], IDS), first_named(["cat"], IDS)
    ('Key', '')
    """
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(normal(name), name)
    return next((spelled[word] for word in accepted if word in spelled), "")


def same_name(name: str) -> str:
    """Return a name in the form in which class names are compared if they are not equal.

    >>> same_name("Aircraft_Carrier "), same_name("aircraft carrier")
    ('aircraft carrier', 'aircraft carrier')
    """
    folded = unicodedata.normalize("NFC", name).casefold()
    return " ".join(re.split(r"[\s_]+", folded)).strip()


def model_word(prefix: str) -> str:
    """Return the name of a model from the prefix of its columns.

    Words such as "logits" are removed; "log" only before another of them. Spaces stay.

    >>> model_word("teacher_logits"), model_word("prob:"), model_word("logit_kd-s0_")
    ('teacher', '', 'kd-s0')
    >>> model_word("Log Reg"), model_word("log_softmax"), model_word("svm decision_function")
    ('Log Reg', '', 'svm')
    """
    prefix = prefix.replace("decision_function", "scores")  # scikit-learn's method
    parts = re.split(r"([ _:./|]+)", prefix)
    words, separators = parts[::2], ["", *parts[1::2]]  # marks[i] stands before words[i]
    known = [word.lower() in SCORES for word in words]
    for i, word in enumerate(words[:-1]):
        if word.lower() == "log":
            known[i] = known[i + 1]
    name = ""
    for word, separator, score in zip(words, separators, known, strict=True):
        if word and not score:
            name += f"{separator}{word}" if name else word
    return name.strip("-")


def is_count(name: str) -> bool:
    """Whether a name is a whole number that fits into 64 bits.

    >>> is_count("12"), is_count("-1"), is_count("\u00b2"), is_count("9" * 40)
    (True, False, False, False)
    """
    return name.isascii() and name.isdigit() and len(name) <= 18


def split_names(text: str) -> tuple[str, ...]:
    """Split class names that the user typed: one on each line, or separated by commas.

    >>> split_names("cat, dog"), split_names("Paris, France\\nRome")
    (('cat', 'dog'), ('Paris, France', 'Rome'))
    """
    parts = text.splitlines() if "\n" in text.strip() else text.split(",")
    return tuple(part.strip() for part in parts if part.strip())
