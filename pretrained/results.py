"""Write what the bundled runs show, as Markdown on standard output: `make results` makes
docs/results.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bickd_core.comparing.names import SHORT
from bickd_core.comparing.seeds import OVERLAPS, Difference, Recipes, RecipesCompared, Scored, score
from bickd_core.data.registry import DATASETS
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.summary import Summary, summarise
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.predictions import Predictions, align
from bickd_core.sweeps.results import read_results
from bickd_viz.text import numbers
from pretrained import choice_results, method_choice, rate_results, sweep_results

SHELF = Path(__file__).resolve().parent
TEMPERATURE = 4.0
NAMES = SHORT | {"bickd": "BicKD (reconstruction)"}


CHOICE = {
    "caltech95": "[how they were chosen](#all-methods-on-caltech95-each-with-its-learning-rate)",
    "fashion-mnist": "the table at the end of this section shows how they were chosen",
}


@dataclass(frozen=True)
class Student:
    """One bundled student with its figures on the test split."""

    run: RunFolder
    method: str
    seed: int
    predictions: Predictions
    summary: Summary
    best_validation: float
    last_validation: float
    minutes: float


def main() -> None:
    print("# Which distillation method to use\n")
    if choice := method_choice.section():
        print(choice)
    print(
        "## How the results were made\n\n`make results` writes this page from the run folders in"
        " `pretrained/` and the result lines in `pretrained/sweeps/`. `make pretrained` trained the"
        " bundled runs.\n\n- All figures are of the **last** weights on the **test** split. The"
        " test split was evaluated once, after training.\n- Every student has the same training"
        " budget and the default options of its preset.\n- Only the learning rate was chosen for"
        " each method: on the validation split, with the same trials for all. This matters: with"
        " one rate for all, BicKD leads KD by far more ([all methods at"
        " 0.05](#all-methods-on-caltech95-at-one-learning-rate), [each at its own"
        " rate](#all-methods-on-caltech95-each-with-its-learning-rate)).\n- The defaults of KD and"
        " DIST are [published](losses.md#published-settings). BicKD's defaults come from [an"
        " exploration of ours](losses.md#where-its-defaults-come-from) that also used caltech95.\n-"
        " BicKD is a reconstruction from the abstract of arXiv 2602.01265, not the authors' code.\n"
    )
    for dataset in ("caltech95", "fashion-mnist"):
        if (SHELF / dataset / "teacher" / "run.yaml").exists():
            print(section(dataset))
    if sweep := sweep_results.section():
        print(sweep)
    if rates := rate_results.section():
        print(rates)
    if choices := choice_results.section():
        print(choices)
    if versions := across_versions():
        print(versions)


def section(dataset: str) -> str:
    """Return the tables of one data set and the sentences about them."""
    library = Library(SHELF, SHELF / dataset)
    teacher_run = library.find(f"{dataset}/teacher")
    teacher = teacher_run.predictions("test")
    students = load_students(library, dataset, teacher)
    about = teacher_run.info()
    config = students[0].run.info().config
    assert config is not None
    data = DATASETS[dataset]
    seeds = sorted({student.seed for student in students})
    lines = [
        f"## {data.title}\n",
        f"- Teacher: {about.arch} ({_parameters(teacher_run)}).\n- Students:"
        f" {students[0].run.info().arch} ({_parameters(students[0].run)}),"
        f" {numbers.counted(len(seeds), 'seed')} a method. Weights, order and augmentation follow"
        f" the seed.\n- Training: {config.epochs} epochs, batch {config.batch_size},"
        f" {about.image_size} pixels"
        + (f", {config.train_limit:,} training images" if config.train_limit else "")
        + ".\n"
        f"- Test: n = {len(teacher):,} images.\n"
        f"- Learning rates: {', '.join(rates(students))} ({CHOICE[dataset]}).\n",
        head(len(seeds)),
        table_row("teacher", [teacher_summary(teacher)], None),
    ]
    for method in PRESETS:
        chosen = [student for student in students if student.method == method]
        if chosen:
            minutes = float(np.mean([student.minutes for student in chosen]))
            lines.append(table_row(NAMES[method], [student.summary for student in chosen], minutes))
    lines += ["", *differences(students, teacher), "", *every_run(students), ""]
    if dataset == "fashion-mnist":
        lines += [*rate_results.trials_section(rate_results.FASHION), ""]
    return "\n".join(lines)


def rates(students: list[Student]) -> list[str]:
    """Return each method with its learning rate, in the presets' order."""
    found = {}
    for student in students:
        config = student.run.info().config
        assert config is not None
        found[NAMES[student.method]] = f"{config.optimizer.lr:g}"
    return [f"{name} {rate}" for name, rate in found.items()]


def load_students(library: Library, dataset: str, teacher: Predictions) -> list[Student]:
    students = []
    for run in library.runs():
        if not run.key.startswith(f"{dataset}/") or run.info().role != "student":
            continue
        own = align([teacher, run.predictions("test")]).predictions[1]
        records = run.metrics()
        info = run.info()
        students.append(
            Student(
                run=run,
                method=info.objective,
                seed=info.seed or 0,
                predictions=own,
                summary=summarise(teacher, own, T=TEMPERATURE),
                best_validation=max(record["validation_accuracy"] for record in records),
                last_validation=records[-1]["validation_accuracy"],
                minutes=run.status().cpu_seconds / 60,
            )
        )
    return sorted(students, key=lambda student: (list(PRESETS).index(student.method), student.seed))


def teacher_summary(teacher: Predictions) -> Summary:
    return summarise(teacher, teacher, T=TEMPERATURE)


def head(seeds: int) -> str:
    spread = (
        "mean ± standard deviation over seeds"
        if seeds > 1
        else "of one seed, with a 95% interval over images"
    )
    return (
        f"Figures are {spread}. Overlap is at T = {TEMPERATURE:g}. *Mean matched* is overlap at the"
        " temperature where the model's mean entropy equals the teacher's at T = 4. *Matched per"
        " image* gives each image the temperature where the model's entropy for it equals the"
        " teacher's ([what each rule leaves](method.md#what-each-rule-of-matching-leaves))."
        " CPU minutes are those of one run on one thread. The method that is trained first also"
        " stores the teacher's outputs for the others.\n\n| model | accuracy % | agreement % |"
        " overlap | overlap, mean matched | overlap, matched per image | orthogonality score | ECE"
        " % | CPU minutes |\n|---|---|---|---|---|---|---|---|---|"
    )


def table_row(name: str, summaries: list[Summary], minutes: float | None) -> str:
    def cell(field: str, scale: float, digits: int) -> str:
        found = [getattr(summary, field) for summary in summaries]
        if any(interval is None for interval in found):
            return "–"
        values = np.array([interval.estimate for interval in found]) * scale
        if len(values) > 1:
            return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"
        low, high = (
            ("", "")
            if found[0].low is None
            else (f"{found[0].low * scale:.{digits}f}", f"{found[0].high * scale:.{digits}f}")
        )
        return f"{values[0]:.{digits}f}" + (f" [{low}, {high}]" if low else "")

    agreement = "–" if name == "teacher" else cell("agreement", 100, 1)
    parts = [
        name,
        cell("accuracy", 100, 1),
        agreement,
        cell("overlap", 1, 4),
        cell("overlap_matched", 1, 4),
        cell("overlap_per_image", 1, 4),
        cell("score", 1, 3),
        cell("calibration_error", 100, 1),
        "–" if minutes is None else f"{minutes:.1f}",
    ]
    return "| " + " | ".join(parts) + " |"


def differences(students: list[Student], teacher: Predictions) -> list[str]:
    """Compare BicKD with every other method over seeds and images: a table, and sentences on what
    is seen."""
    runs: dict[str, tuple[Scored, ...]] = {}
    for student in students:
        scored = score(teacher, student.predictions, TEMPERATURE)
        assert scored is not None, "a bundled student has its teacher's images"
        runs[student.method] = (*runs.get(student.method, ()), scored)
    others = [method for method in PRESETS if method in runs and method != "bickd"]
    found = Recipes("teacher", runs, teacher.labels).against("bickd", others)
    lines = [
        "### BicKD compared with the others, on the same test images\n",
        what_intervals_hold(list(found.values())),
        (
            "| BicKD minus | accuracy, points | agreement, points | overlap | overlap, mean matched"
            " | overlap, matched per image |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for method, compared in found.items():
        cells = [
            cell(compared.figures.get(field), field)
            for field in ("accuracy", "agreement", *OVERLAPS.values())
        ]
        lines.append(f"| {NAMES[method]} | {' | '.join(cells)} |")
    sentences = [sentence(NAMES[method], compared) for method, compared in found.items()]
    return [*lines, "", "### What this shows\n", *sentences, *limits(students)]


def what_intervals_hold(compared: list[RecipesCompared]) -> str:
    """Return the text above a table of differences."""
    star = (
        "An asterisk marks a difference that is seen: p < 0.05 after Holm's correction for"
        f" {len(compared)} comparisons."
    )
    if any(one.networks for one in compared):
        return (
            "There is one run of each method, so this compares these networks and not the methods."
            " The 95% intervals are over test images; another seed may give another result."
            f" {star}\n"
        )
    return (
        "Differences of means over seeds, with 95% intervals [over seeds and test images together]"
        f"(method.md#over-seeds-and-images-together). {star}\n"
    )


def cell(found: Difference | None, field: str) -> str:
    """Return a difference with its interval, and an asterisk if it is seen. Shares are in
    points."""
    if found is None:
        return "–"
    scale, digits = (1, 4) if field.startswith("overlap") else (100, 1)
    return interval_cell(found.interval, scale, digits) + ("*" if found.seen else "")


def interval_cell(interval: Interval, scale: float, digits: int) -> str:
    """Return "+4.2 [+1.2, +7.1]", or only the estimate if there are no limits."""
    estimate = f"{scale * interval.estimate:+.{digits}f}"
    if interval.low is None or interval.high is None:
        return estimate
    return f"{estimate} [{scale * interval.low:+.{digits}f}, {scale * interval.high:+.{digits}f}]"


def sentence(name: str, compared: RecipesCompared) -> str:
    """Say what is seen compared with one method, or between two networks."""
    accuracy = compared.figures["accuracy"]
    size = f"{interval_cell(accuracy.interval, 100, 1)} points"
    if not accuracy.seen:
        first = f"no difference in accuracy is seen ({size})"
    else:
        first = f"BicKD is {'more' if accuracy.interval.estimate > 0 else 'less'} accurate ({size})"
    as_it_is, mean, image = (_direction(compared.figures.get(field)) for field in OVERLAPS.values())
    second = f"BicKD's class overlap is {as_it_is} at T = {TEMPERATURE:g}"
    third = f"{mean} at matched mean entropy, and {image} matched per image"
    whose = " (these two networks)" if compared.networks else ""
    return f"- Compared with {name}{whose}: {first}. {second}, {third}."


def _direction(found: Difference | None) -> str:
    if found is None:
        return "not comparable"
    if not found.seen:
        return "not seen to differ"
    return "lower" if found.interval.estimate < 0 else "higher"


def limits(students: list[Student]) -> list[str]:
    seeds = len({student.seed for student in students})
    if seeds == 1:
        return [
            "- This does not show which method is better. It is one seed, and on caltech95 the"
            " accuracy of a method varies by about a point over seeds."
        ]
    return [
        f"- Limits: {seeds} seeds, one pair of networks, one short training budget, and no tuning"
        " but for the learning rate. Accuracy varies by about a point over seeds, and intervals"
        " from so few seeds are wide."
    ]


def every_run(students: list[Student]) -> list[str]:
    lines = [
        "<details><summary>Every run, with 95% intervals over test images</summary>\n",
        (
            "| run | accuracy % | overlap | overlap, mean matched | overlap, matched per image |"
            " validation, last % | validation, best % |"
        ),
        "|---|---|---|---|---|---|---|",
    ]
    for s in students:
        cells = []
        for field, scale, digits in (
            ("accuracy", 100, 1),
            ("overlap", 1, 4),
            ("overlap_matched", 1, 4),
            ("overlap_per_image", 1, 4),
        ):
            interval = getattr(s.summary, field)
            cells.append(
                "–"
                if interval is None
                else (
                    f"{interval.estimate * scale:.{digits}f} [{interval.low * scale:.{digits}f},"
                    f" {interval.high * scale:.{digits}f}]"
                )
            )
        lines.append(
            f"| {s.run.key} | {' | '.join(cells)} | {100 * s.last_validation:.1f} |"
            f" {100 * s.best_validation:.1f} |"
        )
    return [*lines, "\n</details>"]


def _parameters(run: RunFolder) -> str:
    cost = run.info().cost
    return (
        "cost not measured"
        if cost is None
        else f"{cost.parameters:,} parameters, {cost.macs / 1e6:.1f} M MACs"
    )


def across_versions(
    files: Sequence[Path] = (sweep_results.FILE, rate_results.RATES, rate_results.CHOSEN),
) -> str:
    """Say how often a bundled run and the sweep's run of the same seed predict the same class; ""
    without such runs. Runs that agree nearly everywhere were made with the same code."""
    lines = [line for file in files for line in read_results(file)]
    runs = rate_results.by_rate(lines)
    library = Library(SHELF, SHELF / "caltech95")
    same: list[float] = []
    other: list[float] = []
    repeated: dict[str, None] = {}
    for run in library.runs():
        info = run.info()
        bundled = run.key.startswith("caltech95/") and info.role == "student"
        if bundled and info.config is not None:
            alike = runs.get(info.objective, {}).get(info.config.optimizer.lr, {})
            if info.seed in alike:
                own = run.predictions("test")
                classes = own.predicted[np.argsort(own.ids)]
                share = float(np.mean(classes == alike[info.seed].classes))
                if share > SAME_CODE:
                    repeated[NAMES[info.objective]] = None
                    continue
                same.append(share)
                other += [
                    float(np.mean(alike[info.seed].classes == line.classes))
                    for seed, line in alike.items()
                    if seed > info.seed
                ]
    if not same or not other:
        return ""
    twice = (
        f" The runs of {numbers.listed(list(repeated))} were made with one version, so the sweep's"
        " seeds include the bundled ones."
        if repeated
        else ""
    )
    return (
        "## The same seed gives another run in another version of the code\n\nThe bundled"
        " caltech95 runs and the sweep's runs were made with different versions of this code."
        f" {len(same)} pairs of them share method, learning rate and seed. The two runs of a pair"
        f" predict the same class on {_range(same)} % of the test images. Two seeds of one method"
        f" in the sweep do so on {_range(other)} %. So treat the bundled runs and the sweep as two"
        f" samples of each method: their tables differ as two sets of seeds do.{twice}\n"
    )


SAME_CODE = 0.98
"""Share of equal predictions above which two runs of a seed are one training, repeated."""


def _range(shares: list[float]) -> str:
    return f"{100 * min(shares):.0f} to {100 * max(shares):.0f}"


if __name__ == "__main__":
    main()
