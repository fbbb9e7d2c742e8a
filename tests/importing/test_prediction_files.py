"""Every layout and refusal in docs/bring-your-own.md, made here and read; other cases of the
reader."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from layouts import (
    BINARY,
    CLASSES,
    LAYOUTS,
    N,
    columns,
    ids,
    labels,
    logits,
    names,
    shares,
    softmax,
    truths,
)
from refusals import REFUSALS

from bickd_core.importing.guess import guess_layout
from bickd_core.importing.layout import Hints, Layout, ScoreColumns
from bickd_core.importing.matching import Imported, match
from bickd_core.importing.predictions import read_predictions
from bickd_core.importing.read_process import parse, read_file
from bickd_core.importing.scores import ScaleError
from bickd_core.importing.table import Table
from bickd_core.importing.tables import read_table
from bickd_core.runs.predictions import PredictionsError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bring-your-own.md"


def read_here(folder: Path, files: list[str], hints: Hints | None = None) -> Imported:
    """As `read_predictions`, in this process: a process for each of fifty files takes too long."""
    parts = []
    for name in files:
        try:
            parts += [(name, part) for part in parse(folder / name, hints=hints)[2]]
        except PredictionsError as error:
            raise PredictionsError(f"{name}: {error}") from error
    return match(parts)


def outcome(imported: Imported) -> str:
    """What an import comes to, as the table in the docs has it."""
    models = ", ".join(f"{one.name} ({one.scale})" for one in imported.models)
    first = imported.models[0].predictions
    extra = [
        word
        for word, there in (
            ("features", first.features is not None),
            ("texts", bool(imported.texts)),
            ("image paths", bool(imported.paths)),
            ("validation", imported.validation is not None),
        )
        if there
    ]
    matched = "" if imported.rule == "one file" else f", matched by {imported.rule}"
    return (
        f"{models}; {imported.shared} of {imported.total} samples{matched}; classes "
        f"{', '.join(first.class_names)}; {'labels' if first.labels is not None else 'no labels'}"
        + "".join(f", {word}" for word in extra)
    )


def table_rows() -> dict[str, str]:
    """The last cell of each table row of the page, by its first."""
    rows = [
        line.strip("| ").split(" | ")
        for line in PAGE.read_text().splitlines()
        if line.startswith("| ")
    ]
    return {row[0].strip(): row[-1].strip() for row in rows}


@pytest.mark.parametrize("layout", LAYOUTS | BINARY)
def test_layout_is_read_as_the_page_says(layout, tmp_path):
    imported = read_here(tmp_path, (LAYOUTS | BINARY)[layout](tmp_path))
    assert outcome(imported) == table_rows()[layout]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scores_and_labels_arrive_unchanged(layout, tmp_path):
    first = read_here(tmp_path, LAYOUTS[layout](tmp_path)).models[0].predictions
    assert np.abs(first.probabilities() - softmax(logits())).max() < 2e-2
    assert first.labels is None or (first.labels == labels()).all()


@pytest.mark.parametrize("layout", BINARY)
def test_one_score_becomes_two_classes(layout, tmp_path):
    imported = read_here(tmp_path, BINARY[layout](tmp_path))
    first = imported.models[0].predictions
    assert first.num_classes == 2
    assert np.allclose(first.probabilities()[:, 1], shares(), atol=1e-5)
    assert (first.labels == truths()).all()
    assert "so there are two classes" in imported.notes[0]


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_is_the_sentence_on_the_page(case, tmp_path):
    files = REFUSALS[case](tmp_path)
    with pytest.raises(PredictionsError) as refused:
        read_here(tmp_path, files)
    assert str(refused.value) == table_rows()[case]


@pytest.mark.parametrize("name", ["net.csv", "net.npz", "net.parquet"])
def test_limited_process_gives_the_same(name, tmp_path):
    z = logits().astype("f4")
    table = pd.DataFrame({"id": ids(), "label": names(), "text": "héllo", **columns("{}", z)})
    if name == "net.csv":
        table.to_csv(tmp_path / name, index=False)
    elif name == "net.parquet":
        table.to_parquet(tmp_path / name)
    else:
        arrays = {
            "logits": z,
            "labels": names(),
            "classes": CLASSES,
            "ids": ids(),
            "text": ["héllo"] * N,
        }
        np.savez(tmp_path / name, **{key: np.array(value) for key, value in arrays.items()})
    imported = read_predictions([tmp_path / name])
    first = imported.models[0].predictions
    assert first.ids.tolist() == ids()
    assert first.class_names == CLASSES
    assert np.allclose(first.logits, z, atol=1e-5)
    assert set(imported.texts.values()) == {"héllo"}


def test_refusal_of_the_limited_process_names_the_file(tmp_path):
    (tmp_path / "net.parquet").write_bytes(b"PAR1" * 100)
    with pytest.raises(PredictionsError, match=r"^net\.parquet: expected a whole parquet file"):
        read_file(tmp_path / "net.parquet")


def test_refusal_of_a_scale_is_told_apart_across_processes(tmp_path):
    table = pd.DataFrame({"label": names(), **columns("{}", 0.8 * softmax(logits()))})
    table.to_csv(tmp_path / "net.csv", index=False)
    with pytest.raises(ScaleError, match=r"^net\.csv: expected probabilities that sum to 1"):
        read_file(tmp_path / "net.csv")
    (tmp_path / "words.csv").write_text("label,cat,dog\n0,1,2\n1,2,3\n0,1,choose logits\n")
    with pytest.raises(PredictionsError, match="got 'choose logits'") as refused:
        read_file(tmp_path / "words.csv")
    assert not isinstance(refused.value, ScaleError)


def test_huge_column_claim_is_refused_before_memory_is_taken(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000), }"
    header = header + b" " * (117 - len(header)) + b"\n"
    (tmp_path / "net.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    )
    with pytest.raises(
        PredictionsError, match="expected 8,000,000,000,000 bytes as its header says"
    ):
        parse(tmp_path / "net.npy")


def test_rows_of_both_splits_keep_their_scores_and_places(tmp_path):
    files = LAYOUTS["csv, a `split` column"](tmp_path)
    imported = read_here(tmp_path, files)
    assert imported.split == "test"
    assert imported.validation is not None
    assert imported.validation.split == "validation"
    second = imported.validation.models[0].predictions
    assert np.allclose(second.logits, logits(2), atol=1e-5)
    assert second.ids[0] == "val-img000"
    assert (
        "Column 'split' tells splits apart: 40 of validation, 40 of test, 2 of train, which are not"
        " used." in imported.notes[0]
    )
    text = (tmp_path / "net.csv").read_text().splitlines()
    text[50] = text[50].replace(text[50].split(",")[3], "much")
    (tmp_path / "net.csv").write_text("\n".join(text))
    with pytest.raises(
        PredictionsError, match=r"row 50 \(line 51\), column 'bird': expected a number"
    ):
        read_here(tmp_path, files)


def test_files_of_both_splits_are_told_apart_by_hints(tmp_path):
    for split, seed in (("test", 0), ("val", 2)):
        pd.DataFrame({"label": names(), **columns("{}", logits(seed))}).to_csv(
            tmp_path / f"bert_{split}.csv", index=False
        )
    files = [tmp_path / "bert_test.csv", tmp_path / "bert_val.csv"]
    imported = read_predictions(files, hints={"bert_val.csv": Hints(rows_of="validation")})
    assert [one.name for one in imported.models] == ["bert"]
    assert imported.validation is not None
    assert imported.validation.models[0].file == "bert_val.csv"


def test_given_layout_is_used(tmp_path):
    table = {"a": logits()[:, 0], "b": logits()[:, 1], "c": logits()[:, 2], "what": labels()}
    pd.DataFrame(table).to_csv(tmp_path / "odd.csv", index=False)
    layout = Layout((ScoreColumns("net", ("c", "a"), ("third", "first")),))
    _, _, parts = parse(tmp_path / "odd.csv", layout)
    assert parts[0].models[0].classes == ("third", "first")
    assert parts[0].models[0].logits[:, 1] == pytest.approx(table["a"], abs=1e-5)


def test_layout_that_names_a_missing_column_is_refused(tmp_path):
    np.savez(tmp_path / "net.npz", logits=logits())
    with pytest.raises(PredictionsError, match="there is no column 'scores'; the columns are"):
        parse(tmp_path / "net.npz", Layout((ScoreColumns("net", ("scores",)),)))


def test_hints_change_the_guess(tmp_path):
    table = {"key2": ids(), "truth2": names(), **columns("{}", softmax(logits()))}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    imported = read_here(tmp_path, ["net.csv"], Hints(label="truth2", id="key2", scale="logits"))
    first = imported.models[0]
    assert first.scale == "logits"
    assert first.predictions.ids[0] == "img000"
    assert first.predictions.labels is not None


def test_unknown_hint_lists_the_columns(tmp_path):
    pd.DataFrame({"label": names(), **columns("{}", logits())}).to_csv(
        tmp_path / "n.csv", index=False
    )
    with pytest.raises(
        PredictionsError, match="no column 'lable'; the columns are label, bird, cat, dog"
    ):
        parse(tmp_path / "n.csv", hints=Hints(label="lable"))


@pytest.mark.parametrize(
    ("columns_of", "least", "models"),
    [
        (["red_car", "red_bus", "blue_car", "blue_bus"], 4, {"stem": 4}),
        (["red_car", "red_bus", "blue_car", "blue_bus"], 2, {"red": 2, "blue": 2}),
        (["3", "7", "9"], 3, {"stem": 3}),
        (["a/x", "a/y", "b/x", "b/y"], 2, {"a": 2, "b": 2}),
        (["logit_1", "logit_2", "logit_3", "confidence", "loss"], 3, {"stem": 3}),
        (["feature_0", "feature_1", "p_0", "p_1"], 2, {"stem": 2}),
    ],
)
def test_groups_of_columns(columns_of, least, models):
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=12) for name in columns_of}
    table["label"] = np.arange(12) % least
    layout = guess_layout(Table(table), "stem")
    assert {one.name: len(one.columns) for one in layout.models} == models


def test_zero_probabilities_get_a_small_value_and_a_note(tmp_path):
    p = np.eye(3)[labels()]
    np.savez(tmp_path / "forest.npz", predict_proba=p, y=labels())
    imported = read_here(tmp_path, ["forest.npz"])
    assert imported.models[0].predictions.logits.min() == pytest.approx(np.log(1e-8))
    said = (
        "80 of 120 probabilities are 0 and become 1e-08, because 0 has no logarithm; KL from the"
        " teacher"
    )
    assert said in imported.notes[0]


def test_sigmoid_scores_are_used_as_logits_with_a_note(tmp_path):
    np.savez(tmp_path / "net.npz", scores=np.full((8, 3), 0.9), y=np.arange(8) % 3)
    imported = read_here(tmp_path, ["net.npz"])
    assert imported.models[0].scale == "logits"
    assert "rows sum to 2.7 to 2.7" in imported.notes[0]


@pytest.mark.parametrize("write", [lambda z: str(z.tolist()), lambda z: str(list(z)), str])
def test_lists_written_as_text(write, tmp_path):
    table = {"label": labels(), "logits": [write(z) for z in logits()]}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    first = read_here(tmp_path, ["net.csv"]).models[0].predictions
    assert np.allclose(first.logits, logits(), atol=1e-3)


def test_table_in_the_readme_is_understood(tmp_path):
    text = (PAGE.parents[1] / "README.md").read_text()
    (tmp_path / "models.csv").write_text(
        re.search(r"^id,label,teacher:.*?(?=^```)", text, re.S | re.M)[0]
    )
    imported = read_here(tmp_path, ["models.csv"])
    assert [one.name for one in imported.models] == ["teacher", "student"]
    assert imported.models[0].predictions.class_names == ("bird", "cat", "dog")


@pytest.mark.parametrize(("kept", "warned"), [(20, []), (19, ["teacher.csv"]), (40, [])])
def test_few_shared_ids_are_a_warning(kept, warned, tmp_path):
    pd.DataFrame({"id": ids(), **columns("{}", logits())}).to_csv(
        tmp_path / "teacher.csv", index=False
    )
    table = pd.DataFrame({"id": ids(), **columns("{}", logits(1))})
    table[:kept].to_csv(tmp_path / "student.csv", index=False)
    imported = read_here(tmp_path, ["teacher.csv", "student.csv"])
    assert [warning.split(" of ")[2].split(" ")[0] for warning in imported.warnings] == warned
    if warned:
        assert imported.warnings[0].startswith(
            "Only 19 of 40 samples of teacher.csv are in every model."
        )


def test_few_shared_ids_of_models_in_one_file_name_the_model(tmp_path):
    parts = [
        pd.DataFrame(
            {"model": name, "id": [f"{start + i}" for i in range(40)], **columns("{}", logits())}
        )
        for name, start in (("a", 0), ("b", 30))
    ]
    pd.concat(parts).to_csv(tmp_path / "long.csv", index=False)
    imported = read_here(tmp_path, ["long.csv"])
    assert [warning.split(" are ")[0] for warning in imported.warnings] == [
        "Only 10 of 40 samples of a",
        "Only 10 of 40 samples of b",
    ]


@pytest.mark.parametrize(
    ("cells", "kind"), [("3 20", "i"), ("007 020", "O"), ("0 20", "i"), ("x 20", "O"), ("9 ", "f")]
)
def test_ids_are_numbers_unless_one_has_leading_zeros(cells, kind, tmp_path):
    first, second = cells.split(" ")
    (tmp_path / "net.csv").write_text(f"id;cat;dog\n{first};0,5;0,5\n{second};0,25;0,75\n")
    column = read_table(tmp_path / "net.csv").columns["id"]
    assert column.dtype.kind == kind
    assert [str(value) for value in column[:1]] == [f"{first}.0" if kind == "f" else first]


WHOLE = "id;label;bird;cat\na0;bird;1;0\na1;cat;0,25;0,75\na2;bird;1,5e-1;0,85\n"
NAMES = (
    "id;label;tench, Tinca tinca;great white shark, white shark, man-eater\n"
    "a0;tench, Tinca tinca;{};{}\na1;great white shark, white shark, man-eater;{};{}\n"
)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (WHOLE, (0.15, 0.85)),
        (WHOLE.replace("\n", "\r"), (0.15, 0.85)),
        (NAMES.format(0.75, 0.25, 0.5, 0.5), (0.5, 0.5)),
        (NAMES.format("0,75", "0,25", "0,5", "0,5"), (0.5, 0.5)),
        ('id|label|"a;b"|"c;d;e;f"\nx;1|a;b|0.75|0.25\ny;1|a;b|0.5|0.5\n', (0.5, 0.5)),
    ],
)
def test_separator_and_decimal_mark_come_from_several_lines(text, last, tmp_path):
    (tmp_path / "net.csv").write_text(text)
    (model,) = read_here(tmp_path, ["net.csv"]).models
    assert model.scale == "probabilities"
    assert model.predictions.probabilities()[-1] == pytest.approx(last)


@pytest.mark.parametrize("labels_apart", [False, True])
@pytest.mark.parametrize("width", [2, 4])  # of two digits, "10" and more are the same in both
def test_ids_with_leading_zeros_match_numbers(width, labels_apart, tmp_path):
    table = pd.DataFrame({"id": [f"{i:0{width}d}" for i in range(N)], **columns("{}", logits())})
    table.to_csv(tmp_path / "net.csv", index=False)
    other = {"labels": labels()} if labels_apart else {"logits": logits(1), "labels": labels()}
    np.savez(tmp_path / "other.npz", id=np.arange(N), **other)
    imported = read_here(tmp_path, ["net.csv", "other.npz"])
    assert imported.shared == N
    assert (imported.models[-1].predictions.labels == labels()).all()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_index_of_pandas_beside_an_id_is_no_class(suffix, tmp_path):
    table = pd.DataFrame({"id": np.arange(N) + 100, "label": labels(), **columns("{}", logits())})
    table = table.sample(frac=1, random_state=0)
    if suffix == "csv":
        table.to_csv(tmp_path / "net.csv")
    else:
        table.rename_axis("row").to_parquet(tmp_path / "net.parquet")
    first = read_here(tmp_path, [f"net.{suffix}"]).models[0].predictions
    assert first.class_names == CLASSES
    assert first.ids.tolist() == table["id"].tolist()


def test_classes_are_matched_by_name(tmp_path):
    imported = read_here(tmp_path, LAYOUTS["two csv files with ids"](tmp_path))
    student = imported.models[1].predictions
    assert student.class_names == ("dog", "cat", "bird")
    rows = [ids().index(i) for i in student.ids.tolist()]
    assert np.allclose(student.logits[:, ::-1], logits(1)[rows], atol=1e-5)


def test_two_columns_that_sum_to_1_are_one_model_of_two_classes(tmp_path):
    p = shares()
    table = {"label": truths(), "cat_prob": 1 - p, "dog_prob": p}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    imported = read_here(tmp_path, ["net.csv"])
    assert [one.name for one in imported.models] == ["net"]
    assert imported.models[0].predictions.class_names == ("cat", "dog")


def test_one_score_for_three_classes_is_refused(tmp_path):
    pd.DataFrame({"label": labels(), "score": shares()}).to_csv(tmp_path / "net.csv", index=False)
    with pytest.raises(PredictionsError, match="expected a column of scores for each class"):
        read_here(tmp_path, ["net.csv"])


@pytest.mark.parametrize(
    ("column", "second"), [("p(ham)", "ham"), ("score", "spam"), ("prob_spam", "spam")]
)
def test_second_class_is_the_one_that_the_column_names(column, second, tmp_path):
    said = np.array(["ham", "spam"])[truths()]
    pd.DataFrame({"label": said, column: shares()}).to_csv(tmp_path / "net.csv", index=False)
    (model,) = read_here(tmp_path, ["net.csv"]).models
    assert model.name == "net"
    assert model.predictions.class_names[1] == second
    assert np.allclose(model.predictions.probabilities()[:, 1], shares(), atol=1e-5)


def test_percent_of_the_second_class_is_chosen(tmp_path):
    pd.DataFrame({"label": truths(), "score": 100 * shares()}).to_csv(
        tmp_path / "net.csv", index=False
    )
    first = read_here(tmp_path, ["net.csv"], Hints(scale="percent")).models[0].predictions
    assert np.allclose(first.probabilities()[:, 1], shares(), atol=1e-5)


def test_layout_of_a_row_for_each_class_can_be_given_again(tmp_path):
    files = LAYOUTS["csv, `model,id,class,logit`: two models"](tmp_path)
    _, layout, parts = parse(tmp_path / files[0])
    assert layout.tidy == "class"
    _, _, again = parse(tmp_path / files[0], layout)
    assert np.array_equal(again[1].models[0].logits, parts[1].models[0].logits)


def test_hint_on_a_column_that_differs_within_a_sample_is_refused(tmp_path):
    files = LAYOUTS["csv, `id,class,probability`: a row for each sample and class"](tmp_path)
    with pytest.raises(
        PredictionsError, match="no column 'class'; the columns are id, label, probability"
    ):
        parse(tmp_path / files[0], hints=Hints(text="class"))
    _, layout, _ = parse(tmp_path / files[0], hints=Hints(label="", ignore=("label",)))
    assert layout.tidy == "class"


def test_long_numbers_in_json_stay_ids(tmp_path):
    rows = [{"id": 10**30 + i, "logits": [1.5, float(i)]} for i in range(3)]
    (tmp_path / "net.json").write_text(json.dumps({"predictions": rows}))
    first = read_here(tmp_path, ["net.json"]).models[0].predictions
    assert first.ids.tolist() == [str(10**30 + i) for i in range(3)]


def test_transformers_names_for_unnamed_classes_are_numbers(tmp_path):
    rows = [
        {"scores": [{"label": f"LABEL_{c}", "score": 0.2 + 0.6 * (c == i)} for c in (1, 0)]}
        for i in (0, 1)
    ]
    (tmp_path / "net.json").write_text(json.dumps(rows))
    first = read_here(tmp_path, ["net.json"]).models[0].predictions
    assert first.class_names == ("0", "1")
    assert first.predicted.tolist() == [0, 1]


if __name__ == "__main__":  # prints the rows of both tables
    import tempfile

    for made, refused in ((LAYOUTS | BINARY, False), (REFUSALS, True)):
        for key, make in made.items():
            with tempfile.TemporaryDirectory() as name:
                here = Path(name)
                files = make(here)
                try:
                    result = outcome(read_here(here, files))
                except PredictionsError as error:
                    result = str(error)
                print(
                    f"| {key} | {', '.join(f'`{file}`' for file in files)} | {result} |"
                    if not refused
                    else f"| {key} | {result} |"
                )


@pytest.mark.parametrize("column", ["target", "label", "has_cactus"])
def test_submissions_of_two_classes_are_called_like_their_files(column, tmp_path):
    for seed, name in enumerate(("teacher", "kd")):
        table = {"id": ids(), column: shares(seed)}
        pd.DataFrame(table).to_csv(tmp_path / f"{name}.csv", index=False)
    imported = read_here(tmp_path, ["teacher.csv", "kd.csv"])
    assert [model.name for model in imported.models] == ["teacher", "kd"]


def test_results_of_one_model_are_no_sample(tmp_path):
    table = {"model": ["resnet8"], "top1": [58.9], "top1_err": [41.1], "crop_pct": [0.875]}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    with pytest.raises(PredictionsError, match="got a row for each model"):
        read_here(tmp_path, ["net.csv"])
