"""Which row of which file is which sample, if the files have no ids."""

import unicodedata
from pathlib import Path

import layouts
import numpy as np
import pandas as pd
import pytest

from bickd_core.importing.extract import FileModel, FilePart
from bickd_core.importing.guess import guess_layout
from bickd_core.importing.image_paths import image_paths
from bickd_core.importing.matching import Imported, match
from bickd_core.importing.read_process import parse
from bickd_core.importing.table import Table
from bickd_core.runs.predictions import PredictionsError, align

N = 200
CLASSES = ("no", "yes")
ORDER = np.random.default_rng(3).permutation(N)
TEXTS = np.array([f"the text of the sample with number {i}" for i in range(N)], dtype=object)
SCORES = np.random.default_rng(0).normal(size=(N, 2)).astype("f4")
LABELS = SCORES.argmax(axis=1)
LABELS[:20] = 1 - LABELS[:20]


def part(rows: np.ndarray | None = None, **columns: np.ndarray) -> FilePart:
    """A file of the same model, with these rows."""
    rows = np.arange(N) if rows is None else rows
    model = FileModel("net", SCORES[rows], CLASSES, "logits")
    return FilePart(models=(model,), **{name: column[rows] for name, column in columns.items()})


def agreement(imported: Imported) -> float:
    """How often the first two models predict the same class, which is always if rows match."""
    a, b = align([model.predictions for model in imported.models]).predictions[:2]
    assert np.array_equal(a.ids, b.ids)
    return float((a.predicted == b.predicted).mean())


def check(rule: str, *parts: FilePart, shared: int = N) -> Imported:
    imported = match([(f"{'ab'[i]}.csv", each) for i, each in enumerate(parts)])
    assert (imported.rule, imported.shared) == (rule, shared)
    assert agreement(imported) == 1
    return imported


def test_texts_match_rows_in_another_order():
    imported = check("text", part(texts=TEXTS), part(ORDER, texts=TEXTS))
    assert imported.summary() == "Rows were matched by text: 200 of 200 samples are in every model."
    assert imported.texts == dict(enumerate(TEXTS.tolist()))
    assert not imported.warnings


def test_equal_labels_do_not_hide_another_order_of_the_texts():
    by_label = np.argsort(LABELS, kind="stable")
    within = np.concatenate([np.flatnonzero(c == LABELS)[::-1] for c in (0, 1)])
    assert (LABELS[by_label] == LABELS[within]).all()
    columns = {"texts": TEXTS, "labels": LABELS}
    check("text", part(by_label, **columns), part(within, **columns))


def test_a_file_with_some_of_the_texts():
    imported = check("text", part(texts=TEXTS), part(ORDER[:150], texts=TEXTS), shared=150)
    assert imported.total == N
    imported = check("text", part(texts=TEXTS), part(ORDER[:50], texts=TEXTS), shared=50)
    assert "Check that all files use the same texts." in imported.warnings[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: f" {text.replace(' ', '  ')}\r\n",
        lambda text: text.replace("e", "e\u0301"),
        lambda text: text.replace("the text of the sample with number ", "") + " " + "x" * 300,
    ],
    ids=["blanks", "accents", "long"],
)
def test_texts_in_another_form(change):
    texts = np.array([change(text) for text in TEXTS], dtype=object)
    other = np.array([text.replace("e\u0301", "\u00e9").strip() for text in texts], dtype=object)
    check("text", part(texts=texts), part(ORDER, texts=other))


def test_texts_that_are_cut_in_one_file():
    long = np.array([f"{i} {'word ' * (i % 7)}" for i in range(N)], dtype=object)
    cut = np.array([text[:15] for text in long], dtype=object)
    check("text", part(texts=long), part(ORDER, texts=cut))


def test_beginnings_that_repeat_need_the_same_order():
    long = np.array(
        [f"a beginning that every text of the file has {i}" for i in range(N)], dtype=object
    )
    cut = np.array([f"{text[:43]}..." for text in long], dtype=object)
    check("order", part(texts=long), part(texts=cut))


def test_a_text_may_repeat_with_another_label_or_without_a_difference():
    texts = TEXTS.copy()
    texts[1::2] = texts[::2]
    labels = np.arange(N) % 2
    check("text", part(texts=texts, labels=labels), part(ORDER, texts=texts, labels=labels))
    rows = np.append(np.arange(N), 7)
    check("text", part(rows, texts=TEXTS), part(rows[::-1], texts=TEXTS), shared=N + 1)


def test_repeated_texts_in_another_order_are_refused():
    texts = TEXTS.copy()
    texts[1] = texts[0]
    check("order", part(texts=texts), part(texts=texts))
    with pytest.raises(PredictionsError, match=r"their texts differ in \d+ of 200 rows, first in"):
        match([("a.csv", part(texts=texts)), ("b.csv", part(ORDER, texts=texts))])


def test_a_file_without_texts_is_matched_by_order():
    check("order", part(texts=TEXTS), part(labels=LABELS))
    with pytest.raises(PredictionsError, match="their texts differ"):
        match([("a", part(texts=TEXTS)), ("b", part(ORDER, texts=TEXTS)), ("c", part())])


def test_ids_of_one_file_stay_when_rows_are_matched_by_text():
    ids = np.array([f"s{i}" for i in range(N)], dtype=object)
    imported = check("text", part(texts=TEXTS), part(ORDER, texts=TEXTS, ids=ids))
    assert imported.models[0].predictions.ids.tolist() == ids.tolist()
    assert imported.texts["s7"] == TEXTS[7]


def test_labels_from_a_file_with_texts():
    labels = FilePart(labels=LABELS[ORDER], texts=TEXTS[ORDER])
    imported = match([("a.csv", part(texts=TEXTS)), ("truth.csv", labels)])
    assert (imported.models[0].predictions.labels == LABELS).all()
    assert "matched by id, path or text" in imported.notes[0]


def test_ids_that_contradict_the_texts_are_a_warning():
    rows = np.arange(N)
    other = part(ORDER, texts=TEXTS)
    other = FilePart(models=other.models, texts=other.texts, ids=rows)
    imported = match([("a.csv", part(texts=TEXTS, ids=rows)), ("b.csv", other)])
    assert imported.rule == "id"
    assert "samples have another text in b.csv than in a.csv, first '0'" in imported.warnings[0]


def test_images_of_the_same_names_in_another_order():
    paths = np.array([f"/data/{i}.jpg" for i in range(N)], dtype=object)
    other = np.array([f"D:\\x\\{i}.jpg" for i in range(N)], dtype=object)
    check("path", part(paths=paths), part(ORDER, paths=other))
    paths[1] = paths[0]
    check("order", part(paths=paths), part(paths=paths))
    with pytest.raises(PredictionsError, match=r"their paths differ in \d+ of 200 rows"):
        match([("a.csv", part(paths=paths)), ("b.csv", part(ORDER, paths=paths))])


def test_fifty_thousand_texts_are_matched():
    n = 50_000
    order = np.random.default_rng(1).permutation(n)
    texts = np.array([f"{i} {'a word of many ' * 20}" for i in range(n)], dtype=object)
    scores = np.zeros((n, 2), dtype="f4")
    scores[:, 1] = np.arange(n)
    parts = [
        FilePart(models=(FileModel("net", scores[rows], CLASSES, "logits"),), texts=texts[rows])
        for rows in (np.arange(n), order)
    ]
    imported = match([("a.csv", parts[0]), ("b.csv", parts[1])])
    assert agreement(imported) == 1


def two_tables(folder: Path, key: str, values: list[object]) -> Imported:
    """The same model twice, in a table with this column and in the same one in another order."""
    table = pd.DataFrame({key: values, **layouts.columns("{}", layouts.logits())})
    table.to_csv(folder / "a.csv", index=False)
    table.sample(frac=1, random_state=0).to_csv(folder / "b.csv", index=False)
    return match([(name, part) for name in ("a.csv", "b.csv") for part in parse(folder / name)[2]])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_name", "abc{}"),
        ("isic_id", "ISIC_{}"),
        ("img_id", 7),
        ("row_names", 1),
        ("ImageId", 3),
        ("sampleID", "s{}"),
        ("name", "abc{}"),
        ("url", "https://example.org/{}"),
        ("ID_code", "test_{}"),
        ("StudyInstanceUID", "1.2.{}.4"),
    ],
)
def test_ids_have_many_names(key, value, tmp_path):
    numbers = range(layouts.N)
    values = [value.format(i) if isinstance(value, str) else value * i for i in numbers]
    imported = two_tables(tmp_path, key, values)
    assert imported.rule == "id"
    assert agreement(imported) == 1


@pytest.mark.parametrize(
    ("key", "cell"), [("remark", "a b {}"), ("created_time", "10:{}"), ("kind", "same")]
)
def test_texts_that_are_no_ids(key, cell):
    cells = np.array([cell.format(i) for i in range(layouts.N)], dtype=object)
    assert not guess_layout(Table({key: cells, **layouts.columns("{}", layouts.logits())}), "a").id


def test_a_less_usual_id_does_not_replace_paths_or_ids(tmp_path):
    numbers = np.arange(layouts.N)
    scores = layouts.columns("{}", layouts.logits())
    ids = np.array(layouts.ids(), dtype=object)
    paths = np.array(layouts.paths(), dtype=object)
    assert guess_layout(Table({"img_id": numbers, "key": ids, **scores}), "a").id == "key"
    assert not guess_layout(Table({"img_id": numbers, "path": paths, **scores}), "a").id
    assert guess_layout(Table({"img_id": paths, **scores}), "a").path == "img_id"


def shuffled(folder: Path, key: str, values: list[str], *, labels: bool = False) -> list[str]:
    """Two tables with pandas' default index, the second numbered after it was shuffled."""
    scores = layouts.columns("{}", layouts.logits())
    table = pd.DataFrame({key: values, **scores, "label": layouts.names()})
    other = table.sample(frac=1, random_state=0).reset_index(drop=True)
    (table[[key, "label"]] if labels else table.drop(columns="label")).to_csv(folder / "a.csv")
    other.drop(columns="label").to_csv(folder / "b.csv")
    return ["a.csv", "b.csv"]


def import_here(folder: Path, files: list[str]) -> Imported:
    return match([(name, part) for name in files for part in parse(folder / name)[2]])


@pytest.mark.parametrize("key", ["path", "text"])
def test_row_numbers_that_contradict_paths_or_texts_are_no_ids(key, tmp_path):
    values = layouts.sentences() if key == "text" else [f"x/{i}.jpg" for i in range(layouts.N)]
    imported = import_here(tmp_path, shuffled(tmp_path, key, values))
    assert imported.rule == key
    assert agreement(imported) == 1
    assert "row numbers" in imported.notes[-1]


def test_labels_are_not_matched_by_row_numbers_that_contradict_paths(tmp_path):
    files = shuffled(tmp_path, "path", [f"x/{i}.jpg" for i in range(layouts.N)], labels=True)
    [model] = import_here(tmp_path, files).models
    place = {f"{i}.jpg": name for i, name in enumerate(layouts.names())}
    ids, labels = model.predictions.ids.tolist(), model.predictions.labels
    assert [layouts.CLASSES[label] for label in labels] == [place[id] for id in ids]


def test_row_numbers_that_agree_with_paths_stay_ids(tmp_path):
    values = [f"x/{i}.jpg" for i in range(layouts.N)]
    table = pd.DataFrame({"path": values, **layouts.columns("{}", layouts.logits())})
    for name in ("a.csv", "b.csv"):
        table.to_csv(tmp_path / name)
    imported = import_here(tmp_path, ["a.csv", "b.csv"])
    assert (imported.rule, imported.notes) == ("id", ())


def test_ids_whose_paths_belong_to_other_samples_are_a_warning():
    paths = np.array([f"{i}.jpg" for i in range(N)], dtype=object)
    here, there = part(paths=paths), part(ORDER, paths=paths)
    numbered = [FilePart(each.models, ids=np.arange(N), paths=each.paths) for each in (here, there)]
    imported = match([("a.csv", numbered[0]), ("b.csv", numbered[1])])
    assert imported.rule == "id"
    assert "have another image path in b.csv than in a.csv" in imported.warnings[0]


def test_paths_with_both_separators_of_windows():
    here = np.array([f"data/test\\{'ab'[i % 2]}\\{i:03}.jpg" for i in range(N)], dtype=object)
    there = np.array([f"/mnt/test/{'ab'[i % 2]}/{i:03}.jpg" for i in range(N)], dtype=object)
    check("path", part(paths=here), part(ORDER, paths=there))


@pytest.mark.parametrize(("in_file", "in_folder"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_an_image_is_found_with_its_accent_in_either_form(in_file, in_folder, tmp_path):
    name = unicodedata.normalize(in_folder, "v\u00f6gel 1.png")
    (tmp_path / name).write_bytes(b"")
    wanted = unicodedata.normalize(in_file, "v\u00f6gel 1")
    assert image_paths(tmp_path, [wanted], {}) == {wanted: str(tmp_path / name)}
    assert image_paths(tmp_path, [0], {0: f"x\\{wanted}.png"}) == {0: str(tmp_path / name)}
