"""Write the results of the study into docs/study.md: `python -m pretrained.study_page`.

The design in that page stays as it is. The text between the two pairs of markers is made from the
committed result lines, and stage B is not read before all of its lines are there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bickd_core.atomic import write_bytes, write_text
from bickd_core.presets.catalogue import VARIANTS
from bickd_core.sweeps.replicates import TEMPERATURE
from bickd_core.sweeps.results import Result
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.export.files import images
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.text import numbers
from bickd_viz.theme import DARK, LIGHT, ModelStyle, Theme
from pretrained import study_comparisons, study_sentences, study_stages
from pretrained.study_comparisons import (
    BASE,
    OWN,
    Confirmed,
    Longer,
    Reading,
    Runs,
    Setting,
    Versus,
)
from pretrained.study_sentences import WHERE, without_result
from pretrained.study_stages import Stage, Tuned
from pretrained.study_tables import (
    LABELS,
    cell_table,
    counts_of,
    longer_table,
    pairs,
    points,
    setting_table,
    shown,
    tuning_table,
)
from pretrained.sweep_results import teacher_of

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "study.md"
FIGURE = "study/differences"


def main() -> None:
    results = Results.read()
    write_text(PAGE, written(PAGE.read_text(encoding="utf-8"), results))
    if results.confirmed is not None:
        draw(results)
    print(PAGE)


@dataclass(frozen=True)
class Results:
    """All that the lines tell so far; None for a stage that is not complete."""

    stages: dict[str, Stage]
    tuned: dict[str, Tuned] | None = None
    confirmed: Confirmed | None = None
    readings: dict[str, Reading] | None = None
    settings: dict[str, Setting] | None = None
    longer: Longer | None = None

    @classmethod
    def read(cls) -> Results:
        stages = study_stages.stages()
        tune, finalists, confirm, cells, generality, schedule = stages.values()
        if not (tune.complete and finalists.complete):
            return cls(stages)
        tuned = study_stages.tuned(tune, finalists)
        if not confirm.complete:
            return cls(stages, tuned)
        teacher = teacher_of(next(iter(tune.lines.values())))
        groups, changed, longer = (
            study_stages.same_images(part.groups, teacher.samples)
            for part in (confirm, cells, schedule)
        )
        return cls(
            stages,
            tuned,
            study_comparisons.confirmed(groups, teacher),
            study_comparisons.readings(changed, groups[OWN], teacher.labels)
            if cells.complete
            else None,
            study_comparisons.settings() if generality.complete else None,
            study_comparisons.longer(longer, groups, teacher.labels) if schedule.complete else None,
        )

    @property
    def done(self) -> int:
        return sum(stage.ended for stage in self.stages.values())

    @property
    def designed(self) -> int:
        return sum(stage.designed for stage in self.stages.values())

    @property
    def complete(self) -> bool:
        return all(stage.complete for stage in self.stages.values())


def written(page: str, results: Results) -> str:
    """Return the page with its state, answer and appendix.

    Raises:
        ValueError: the page has lost a marker.
    """
    texts = {"state": [state(results)], "answer": answer(results), "appendix": appendix(results)}
    for name, lines in texts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        text = "\n".join([begin, *lines, end])
        page, count = pattern.subn(text.replace("\\", r"\\"), page)
        if count != 1:
            raise ValueError(f"{PAGE.name} must have {begin} and {end} once, got {count}.")
    return page


# -- the answer ------------------------------------------------------------------------------------
def state(results: Results) -> str:
    if results.complete:
        lost = sum(len(stage.lost) for stage in results.stages.values())
        without = f", {lost} of them without a result (diverged or failed)" if lost else ""
        return f"**State: complete.** All {results.designed} runs have ended{without}."
    return (
        f"**State: {results.done} of {results.designed} runs have ended.** The design was"
        " committed on 29 November 2026, before the first run. No result of a later stage is shown"
        " before all lines of that stage are there."
    )


def answer(results: Results) -> list[str]:
    if results.confirmed is None:
        return ["", *progress(results.stages), "", *without_result(results.stages)]
    return [
        "",
        "## The answer",
        "",
        *figure(differences(results)),
        "",
        *main_table(results.confirmed, results.tuned or {}),
        "",
        *sentences(results),
        "",
        *without_result(results.stages),
        *([] if results.complete else [*progress(results.stages), ""]),
    ]


def progress(stages: dict[str, Stage]) -> list[str]:
    lines = [
        "| stage | runs in the design | result lines | diverged or failed |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {title} | {stage.designed} | {len(stage.lines)} | {len(stage.lost)} |"
        for title, stage in stages.items()
    ]
    return lines


def figure(rows: list[tuple[str, Versus | None]]) -> list[str]:
    counts = ", ".join(counts_of(one) for _, one in rows)
    seeds = f"Seeds of each method{', from the top' if len(rows) > 1 else ''}: {counts}"
    return [
        "<picture>",
        f'  <source media="(prefers-color-scheme: dark)" srcset="{FIGURE}-dark.svg">',
        (
            f'  <img src="{FIGURE}.svg" alt="Accuracy of BicKD minus KD in points, with 95%'
            ' intervals, one row for each setting">'
        ),
        "</picture>",
        "",
        (
            "*Test accuracy of BicKD minus KD, in points, with 95% intervals over seeds and"
            f" images. {seeds}. Shaded: the margin of 1.5 points, declared for the first row.*"
        ),
    ]


def draw(results: Results) -> None:
    """Write the figure, light and dark."""
    drawn = images([(chart(results, theme), "svg") for theme in (LIGHT, DARK)])
    for suffix, content in zip(("", "-dark"), drawn, strict=True):
        path = DOCS / f"{FIGURE}{suffix}.svg"
        path.parent.mkdir(exist_ok=True)
        write_bytes(path, content)


def chart(results: Results, theme: Theme):
    """The figure: a row for each data set and student, on a band of the declared margin."""
    colour = dict(theme.models)[OWN]
    rows = []
    for name, one in differences(results):
        estimate, low, high = map(_points, _ends(one))
        rows.append(Row(ModelStyle(name, colour), estimate, low, high))
    figure = whisker_rows(rows, theme=theme, reference=0.0, name_limit=40)
    margin = 100 * study_comparisons.MARGIN
    low, high = figure.layout.xaxis.range
    low, high = min(low, -1.15 * margin), max(high, 1.15 * margin)
    ticks = nice_ticks(low, high, most=6)
    figure.update_xaxes(
        range=[low, high],
        tickvals=ticks,
        ticktext=tick_text(ticks, "number"),
        title=dict(text="BicKD minus KD, points of accuracy", standoff=6),
    )
    figure.add_vrect(
        x0=-margin, x1=margin, fillcolor=theme.muted, opacity=0.12, line_width=0, layer="below"
    )
    figure.update_layout(
        height=figure.layout.height + _TITLE, margin_b=figure.layout.margin.b + _TITLE
    )
    return figure


_TITLE = 24
"""Px below the axis for its title."""


def _ends(one: Versus | None) -> tuple[float | None, float | None, float | None]:
    if one is None:
        return None, None, None
    return one.interval.estimate, one.interval.low, one.interval.high


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def differences(results: Results) -> list[tuple[str, Versus | None]]:
    """BicKD minus KD in every setting whose stage is complete; None if a side has no run."""
    assert results.confirmed is not None
    found: list[tuple[str, Versus | None]] = [(WHERE, results.confirmed.primary)]
    if results.longer is not None:
        found.append((f"{WHERE} for 160 epochs", results.longer.difference))
    for name, made in (results.settings or {}).items():
        found.append((LABELS[name], made.differences.get(OWN)))
    return found


def main_table(found: Confirmed, tuned: dict[str, Tuned]) -> list[str]:
    base = shown(BASE)
    lines = [
        (
            f"| method | accuracy % | minus {base}, points | agreement % | ECE % | ECE % after one"
            " temperature | overlap | overlap, matched per image | corrupted accuracy % | CPU"
            f" minutes (times {base}) |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    labels, teacher = found.teacher.labels, found.teacher.predicted
    most = max(len(runs) for runs in found.groups.values())
    for method, runs in found.groups.items():
        seeds = "" if len(runs) == most else f" ({numbers.counted(len(runs), 'run')})"
        cells = [
            f"{shown(method)}{seeds}",
            study_comparisons.mean_of(runs, labels, lambda run: run.classes == labels).text(1, 100),
            "–" if method == BASE else points(found.accuracy[BASE][method]),
            study_comparisons.mean_of(runs, labels, lambda run: run.classes == teacher).text(
                1, 100
            ),
            replicated(runs, "ece", 1, 100, correct=False),
            replicated(runs, "ece_scaled", 1, 100, correct=False),
            replicated(runs, "overlap", 3, 1),
            replicated(runs, "overlap_per_image", 3, 1),
            study_comparisons.mean_of(runs, labels, _robustness).text(1, 100),
            cost(runs, found.groups[BASE]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        (
            f"Means over {numbers.counted(most, 'seed')} with 95% intervals over seeds and test"
            f" images together, overlap at T = {TEMPERATURE:g}. ECE is the plain formula in 15"
            " bins, with what chance adds to it. An asterisk marks a difference in"
            " accuracy that is seen: for BicKD the primary comparison, for the others p < 0.05"
            " after Holm's correction over five comparisons. The other columns are not tested."
            " Where calibration is near what chance gives, its interval is too wide."
            " CPU minutes are those of one thread without making the teacher's views. The first"
            " run of a seed makes them for the others; PKT needs the teacher's features too, and"
            f" makes its own. In brackets: the median ratio to {base} of the same seed on a CPU of"
            " the same kind."
        ),
    ]
    return lines


def replicated(runs: Runs, name: str, digits: int, scale: float, *, correct: bool = True) -> str:
    """Return the mean of a jackknifed figure over the runs that have it as a cell, with their
    number if some have not; a dash if none has."""
    known = {seed: run for seed, run in runs.items() if name in run.replicates}
    if not known:
        return "–"
    mean = study_comparisons.replicated_mean_of(known, name, correct=correct).text(digits, scale)
    return mean if len(known) == len(runs) else f"{mean} ({numbers.counted(len(known), 'run')})"


def _robustness(run: Result) -> np.ndarray:
    if run.robustness is None:
        raise ValueError(
            f"the line of {run.name} has no results on corrupted images; delete it and make the run"
            " again with `corruptions: true`."
        )
    return run.robustness


def cost(runs: Runs, base: Runs) -> str:
    """Mean CPU minutes of a method, and how many times those of `base` they are."""
    ratios = [
        _minutes(run) / _minutes(base[seed])
        for seed, run in runs.items()
        if seed in base and run.device == base[seed].device
    ]
    mean = f"{np.mean([_minutes(run) for run in runs.values()]):.1f}"
    return f"{mean} ({np.median(ratios):.2f})" if ratios else mean


def _minutes(run: Result) -> float:
    """CPU minutes of a run without the teacher's views, which the first run of a seed makes for
    all."""
    return ((run.cpu_seconds or run.seconds) - (run.teacher_cpu_seconds or 0.0)) / 60


def sentences(results: Results) -> list[str]:
    """Answer the design's questions, one sentence for each, and say what it does not show."""
    assert results.confirmed is not None
    parts = [
        study_sentences.primary(results.confirmed),
        study_sentences.others(results.confirmed),
        study_sentences.readings(results.readings),
        study_sentences.generality(differences(results)[1:]),
        study_sentences.limits(),
    ]
    return [f"{number}. {sentence}" for number, sentence in enumerate(parts, 1)]


def three_lines(results: Results) -> list[str]:
    """The answer as the Distill page shows it."""
    found = results.confirmed
    assert found is not None
    primary = study_sentences.primary(found).replace("**", "")
    return [
        f"{study_sentences.recommendation(found)} {study_sentences.others(found)} The options that"
        f" the study tuned are methods of their own, such as “{VARIANTS['kd-tuned'].title}”.",
        f"{primary} BicKD is our reconstruction from the paper's abstract.",
        study_sentences.generality(differences(results)[1:]),
    ]


def appendix(results: Results) -> list[str]:
    lines: list[str] = [""]
    if results.tuned is not None:
        diverged = sorted(
            name
            for title in ("A1 tune", "A2 finalists")
            for name, why in results.stages[title].lost.items()
            if why == "diverged"
        )
        lines += ["## Appendix: tuning", "", *tuning_table(results.tuned, diverged), ""]
    if results.confirmed is not None:
        lines += ["## Appendix: all comparisons of stage B", "", *pairs(results.confirmed), ""]
    if results.readings is not None:
        lines += ["## Appendix: readings of BicKD", "", *cell_table(results.readings), ""]
    if results.settings:
        lines += ["## Appendix: other students and data", "", *setting_table(results.settings), ""]
    if results.longer is not None:
        lines += ["## Appendix: longer training", "", *longer_table(results.longer), ""]
    return (
        lines if len(lines) > 1 else ["", "Results of a stage appear here when it is complete.", ""]
    )


if __name__ == "__main__":
    main()
