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
from bickd_core.geometry.intervals import Interval
from bickd_core.sweeps.replicates import TEMPERATURE
from bickd_core.sweeps.results import Result
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.export.files import images
from bickd_viz.text import numbers
from bickd_viz.theme import DARK, LIGHT, ModelStyle, Theme
from pretrained import study_stages
from pretrained.study_stages import (
    BASE,
    OWN,
    Confirmed,
    Runs,
    Setting,
    Stage,
    Tuned,
    Verdict,
    Versus,
)
from pretrained.study_tables import (
    LABELS,
    cell_table,
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
    readings: dict[str, Versus] | None = None
    settings: dict[str, Setting] | None = None
    longer: tuple[Versus, Versus, dict[str, Versus]] | None = None

    @classmethod
    def read(cls) -> Results:
        stages = study_stages.stages()
        tune, finalists, confirm, cells, _, schedule = stages.values()
        if not (tune.complete and finalists.complete):
            return cls(stages)
        tuned = study_stages.tuned(tune, finalists)
        if not confirm.complete:
            return cls(stages, tuned)
        groups = confirm.groups
        teacher = teacher_of(next(iter(groups[BASE].values())))
        settings = {name: study_stages.setting(name) for name in study_stages.SETTINGS}
        return cls(
            stages,
            tuned,
            study_stages.confirmed(groups, teacher),
            study_stages.readings(cells.groups, groups[OWN], teacher.labels)
            if cells.complete
            else None,
            {name: made for name, made in settings.items() if made is not None},
            study_stages.longer(schedule.groups, groups, teacher.labels)
            if schedule.complete
            else None,
        )

    @property
    def done(self) -> int:
        return sum(len(stage.lines) + len(stage.diverged) for stage in self.stages.values())

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
        return f"**State: complete.** All {results.designed} runs have ended."
    return (
        f"**State: {results.done} of {results.designed} runs have ended.** The design was"
        " committed on 29 November 2026, before the first run. No result of a later stage is shown"
        " before all lines of that stage are there."
    )


def answer(results: Results) -> list[str]:
    if results.confirmed is None:
        return ["", *progress(results.stages), ""]
    return [
        "",
        "## The answer",
        "",
        *figure(),
        "",
        *main_table(results.confirmed, results.tuned or {}),
        "",
        *sentences(results),
        "",
        *([] if results.complete else [*progress(results.stages), ""]),
    ]


def progress(stages: dict[str, Stage]) -> list[str]:
    lines = ["| stage | runs in the design | result lines | diverged |", "|---|---|---|---|"]
    lines += [
        f"| {title} | {stage.designed} | {len(stage.lines)} | {len(stage.diverged)} |"
        for title, stage in stages.items()
    ]
    return lines


def figure() -> list[str]:
    return [
        "<picture>",
        f'  <source media="(prefers-color-scheme: dark)" srcset="{FIGURE}-dark.svg">',
        (
            f'  <img src="{FIGURE}.svg" alt="Accuracy of BicKD minus KD in points, with 95 %'
            ' intervals, one row for each data set and student">'
        ),
        "</picture>",
        "",
        (
            "*Test accuracy of BicKD minus KD, in points, with 95 % intervals over seeds and"
            " images.*"
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
    """The figure: a row for each data set and student."""
    colour = dict(theme.models)[OWN]
    rows = [
        Row(
            ModelStyle(name, colour),
            100 * interval.estimate,
            None if interval.low is None else 100 * interval.low,
            None if interval.high is None else 100 * interval.high,
        )
        for name, interval in differences(results)
    ]
    return whisker_rows(rows, theme=theme, reference=0.0, name_limit=24)


def differences(results: Results) -> list[tuple[str, Interval]]:
    """BicKD minus KD in every setting that is complete."""
    assert results.confirmed is not None
    found = [("ResNet-8 on caltech95", results.confirmed.primary.interval)]
    if results.longer is not None:
        found.append(("ResNet-8 on caltech95, 160 epochs", results.longer[0].interval))
    for name, made in (results.settings or {}).items():
        found.append((LABELS[name], made.differences[OWN].interval))
    return found


def main_table(found: Confirmed, tuned: dict[str, Tuned]) -> list[str]:
    base = shown(BASE)
    lines = [
        (
            f"| method | accuracy % | minus {base}, points | agreement % | ECE % | ECE % after one"
            " temperature | overlap | overlap, matched per image | corrupted accuracy % | CPU"
            " minutes |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    labels, teacher = found.teacher.labels, found.teacher.predicted
    for method, runs in found.groups.items():
        cells = [
            shown(method),
            study_stages.mean_of(runs, labels, lambda run: run.classes == labels).text(1, 100),
            "–" if method == BASE else points(found.accuracy[BASE][method]),
            study_stages.mean_of(runs, labels, lambda run: run.classes == teacher).text(1, 100),
            study_stages.replicated_mean_of(runs, "ece", correct=False).text(1, 100),
            study_stages.replicated_mean_of(runs, "ece_scaled", correct=False).text(1, 100),
            study_stages.replicated_mean_of(runs, "overlap").text(3, 1),
            study_stages.replicated_mean_of(runs, "overlap_per_image").text(3, 1),
            study_stages.mean_of(runs, labels, _robustness).text(1, 100),
            minutes(runs),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    seeds = len(found.groups[BASE])
    lines += [
        "",
        (
            f"Means over {seeds} seeds with 95 % intervals over seeds and test images together,"
            f" overlap at T = {TEMPERATURE:g}. An asterisk marks a difference in"
            " accuracy that is seen: for BicKD the primary comparison, for the others p < 0.05"
            " after Holm's correction over five comparisons. The other columns are not tested."
        ),
    ]
    return lines


def _robustness(run: Result) -> np.ndarray:
    assert run.robustness is not None
    return run.robustness


def minutes(runs: Runs) -> str:
    values = [(run.cpu_seconds or run.seconds) / 60 for run in runs.values()]
    return f"{np.mean(values):.1f}"


def sentences(results: Results) -> list[str]:
    """Answer the design's questions, one sentence for each, and say what it does not show."""
    assert results.confirmed is not None
    parts = [
        _primary(results.confirmed),
        _others(results.confirmed),
        _readings(results.readings),
        _generality(results),
        _limits(),
    ]
    return [f"{number}. {sentence}" for number, sentence in enumerate(parts, 1)]


def three_lines(results: Results) -> list[str]:
    """The answer as the Distill page shows it."""
    assert results.confirmed is not None
    primary = _primary(results.confirmed).replace("**", "")
    return [primary, _others(results.confirmed), _generality(results)]


VERDICTS: dict[tuple[Verdict, ...], str] = {
    ("better",): "BicKD is more accurate than KD",
    ("worse",): "BicKD is less accurate than KD",
    ("as good",): "BicKD is as accurate as KD to within 1.5 points, and no difference is seen",
    ("better", "as good"): "BicKD is more accurate than KD, by less than 1.5 points",
    ("worse", "as good"): "BicKD is less accurate than KD, by less than 1.5 points",
    ("cannot tell",): "the study cannot tell whether BicKD is more or less accurate than KD",
}


def _primary(found: Confirmed) -> str:
    low, high = study_stages.limits(found.narrow)
    first = VERDICTS[found.verdict]
    return (
        f"**{first[0].upper()}{first[1:]}**: {points(found.primary, star=False)} points over"
        f" {numbers.counted(found.primary.seeds[0], 'seed')}, 90 % interval"
        f" [{100 * low:+.1f}, {100 * high:+.1f}]."
    )


def _others(found: Confirmed) -> str:
    sorts: dict[str, list[str]] = {"more": [], "less": [], "neither": []}
    for method, one in found.accuracy[BASE].items():
        if method == OWN:
            continue
        assert one.adjusted is not None
        seen = one.adjusted < 0.05
        sort = "neither" if not seen else "more" if one.interval.estimate > 0 else "less"
        sorts[sort].append(f"{shown(method)} ({100 * one.interval.estimate:+.1f})")
    parts = [
        f"{numbers.listed(names)} {'are' if len(names) > 1 else 'is'} {words} accurate than"
        f" {shown(BASE)}"
        for words, names in (("more", sorts["more"]), ("less", sorts["less"]))
        if names
    ]
    if sorts["neither"]:
        parts.append(f"no difference is seen for {numbers.listed(sorts['neither'])}")
    return f"Of the other methods, in points of accuracy: {'; '.join(parts)}."


def _readings(cells: dict[str, Versus] | None) -> str:
    if cells is None:
        return "Whether another reading of BicKD is better is not known yet."
    seen = {cell: one for cell, one in cells.items() if (one.adjusted or 0.0) < 0.05}
    if not seen:
        largest = max(cells, key=lambda cell: abs(cells[cell].interval.estimate))
        return (
            f"None of {len(cells)} other readings of BicKD is seen to differ from the frozen one"
            f" (the largest difference is that of `{largest}`, {points(cells[largest])} points)."
        )
    listed = numbers.listed([f"`{cell}` ({points(one)} points)" for cell, one in seen.items()])
    verb = "differs" if len(seen) == 1 else "differ"
    return (
        f"Of {len(cells)} other readings of BicKD, {len(seen)} {verb} from the frozen one:"
        f" {listed}."
    )


def _generality(results: Results) -> str:
    rows = differences(results)[1:]
    if not rows:
        return "Whether this holds elsewhere is not known yet."
    above = [name for name, one in rows if one.low is not None and one.low > 0]
    below = [name for name, one in rows if one.high is not None and one.high < 0]
    rest = len(rows) - len(above) - len(below)
    parts = [
        f"{words} for {names}"
        for words, names in (
            ("above zero", above and numbers.listed(above)),
            ("below zero", below and numbers.listed(below)),
            ("not apart from zero", str(rest) if rest else ""),
        )
        if names
    ]
    return (
        f"In {numbers.counted(len(rows), 'other setting')} the 95 % interval of BicKD minus KD is"
        f" {'; '.join(parts)}."
    )


def _limits() -> str:
    return (
        "These are small networks and images, one teacher for each data set, and our reading of"
        " BicKD from the abstract: the authors' equations may do better or worse, and nothing here"
        " is about ImageNet."
    )


def appendix(results: Results) -> list[str]:
    lines: list[str] = [""]
    if results.tuned is not None:
        lines += ["## Appendix: tuning", "", *tuning_table(results.tuned), ""]
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
