"""The sentences of the study: what its result lines say, for every outcome."""

from __future__ import annotations

from bickd_viz.text import numbers
from pretrained import study, study_comparisons
from pretrained.study_comparisons import BASE, OWN, Confirmed, Reading, Verdict, Versus
from pretrained.study_stages import Stage
from pretrained.study_tables import points, seeds_of, shown, shown_value, tenths

VERDICTS: dict[tuple[Verdict, ...], str] = {
    ("better",): "BicKD is more accurate than KD",
    ("worse",): "BicKD is less accurate than KD",
    ("as good",): "BicKD is as accurate as KD to within 1.5 points, and no difference is seen",
    ("better", "as good"): "BicKD is more accurate than KD, by less than 1.5 points",
    ("worse", "as good"): "BicKD is less accurate than KD, by less than 1.5 points",
    ("cannot tell",): "The study cannot tell whether BicKD is more or less accurate than KD",
}
WHERE = "ResNet-8 on caltech95"


def primary(found: Confirmed) -> str:
    return (
        f"**{VERDICTS[found.verdict]}** ({WHERE}, both tuned with the same budget):"
        f" {_primary_figures(found)} over {seeds_of(found.primary)}."
    )


def _primary_figures(found: Confirmed) -> str:
    """The difference with both intervals."""
    interval = found.primary.interval
    estimate = f"{hundredths(interval.estimate)} points"
    if not numbers.has_limits(interval):
        return f"{estimate} without an interval, because the runs are too few or all alike,"
    (low, high), (inner_low, inner_high) = (
        study_comparisons.limits(each) for each in (interval, found.narrow)
    )
    return (
        f"{estimate}, 95% interval [{hundredths(low)}, {hundredths(high)}], 90% interval"
        f" [{hundredths(inner_low)}, {hundredths(inner_high)}],"
    )


def hundredths(share: float) -> str:
    """A share in points. A limit beside 0 or 1.5 has as many decimals as it needs to show its
    side."""
    for digits in (2, 3, 4):
        found = round(100 * share, digits) + 0.0
        if abs(found) not in (0.0, 100 * study_comparisons.MARGIN):
            return f"{found:+.{digits}f}"
    return f"{found:+.2f}"


def recommendation(found: Confirmed) -> str:
    """Name the methods that are more accurate than KD, or KD if there is none."""
    better = [
        shown(method)
        for method, one in found.accuracy[BASE].items()
        if ("better" in found.verdict if method == OWN else _is_above(one))
    ]
    if not better:
        return (
            f"Start with {shown(BASE)}: no other method in our study of {WHERE} is more accurate."
        )
    verb = "are" if len(better) > 1 else "is"
    return (
        f"In our study of {WHERE}, {numbers.listed(better)} {verb} more accurate than"
        f" {shown(BASE)}."
    )


def _is_above(one: Versus) -> bool:
    """Whether a difference is seen after Holm's correction, and above 0."""
    if one.adjusted is None or not numbers.has_limits(one.interval):
        return False
    return one.adjusted < 0.05 and one.interval.estimate > 0


def others(found: Confirmed) -> str:
    """Say which of the other methods are more accurate than KD, less accurate, or neither."""
    sorts: dict[str, list[str]] = {"more": [], "less": [], "neither": [], "unknown": []}
    for method in study.METHODS:
        if method in (BASE, OWN):
            continue
        one = found.accuracy[BASE].get(method)
        if one is None or not numbers.has_limits(one.interval):
            sorts["unknown"].append(shown(method))
            continue
        assert one.adjusted is not None
        seen = one.adjusted < 0.05
        sort = "neither" if not seen else "more" if one.interval.estimate > 0 else "less"
        sorts[sort].append(f"{shown(method)} ({tenths(one.interval.estimate)})")
    parts = [
        f"{numbers.listed(names)} {'are' if len(names) > 1 else 'is'} {words} accurate than"
        f" {shown(BASE)}"
        for words, names in (("more", sorts["more"]), ("less", sorts["less"]))
        if names
    ]
    if sorts["neither"]:
        parts.append(f"no difference is seen for {numbers.listed(sorts['neither'])}")
    if sorts["unknown"]:
        parts.append(f"too few runs ended to tell for {numbers.listed(sorts['unknown'])}")
    return (
        "Of the other methods there, in points of accuracy and with Holm's correction:"
        f" {'; '.join(parts)}."
    )


def readings(cells: dict[str, Reading] | None) -> str:
    if cells is None:
        return "Whether another reading of BicKD is better is not known yet."
    count = len(study.CELLS)
    seen = [one for one in cells.values() if one.seen]
    if seen:
        listed = numbers.listed([_reading(one) for one in seen])
        verb = "differs" if len(seen) == 1 else "differ"
        return (
            f"Of {count} other readings of BicKD, {len(seen)} {verb} from the frozen one, in points"
            f" and with Holm's correction: {listed}. The test images are those of the"
            " first answer, so this is a suggestion."
        )
    text = f"None of {count} other readings of BicKD is seen to differ from the frozen one"
    if not cells:
        return f"{text}, because none could be compared."
    largest = max(cells.values(), key=lambda one: abs(one.estimate))
    return (
        f"{text} over {seeds_of(largest.accuracy)}. In points, the largest difference is that of"
        f" {_reading(largest)}."
    )


def _reading(one: Reading) -> str:
    return f"`{one.option}: {shown_value(one.value)}` ({points(one.accuracy, star=False)})"


def generality(rows: list[tuple[str, Versus | None]]) -> str:
    """Say where BicKD minus KD is apart from zero.

    Args:
        rows: every setting but the first, with its comparison; None if a side has no run.
    """
    if not rows:
        return "Whether this holds elsewhere is not known yet."
    sorts: dict[str, list[str]] = {}
    for name, one in rows:
        sorts.setdefault(_side(one), []).append(name)
    parts = [f"{words} for {numbers.listed(sorts[words])}" for words in _SIDES if words in sorts]
    runs = sorted({count for _, one in rows if one is not None for count in one.seeds})
    counts = numbers.listed([str(count) for count in runs], "or")
    return (
        f"In {numbers.counted(len(rows), 'other setting')}, with {counts or 'no'}"
        f" run{'' if runs == [1] else 's'} of each method, the 95% interval of BicKD minus KD is"
        f" {'; '.join(parts)}. Each interval stands for itself. If one holds zero, that does not"
        " mean that there is no difference; of several, one may also miss zero by chance. Those on"
        " caltech95 share the test images of the first answer."
    )


_SIDES = ("above zero", "below zero", "around zero", "not known")


def _side(one: Versus | None) -> str:
    if one is None or not numbers.has_limits(one.interval):
        return "not known"
    low, high = study_comparisons.limits(one.interval)
    return "above zero" if low > 0 else "below zero" if high < 0 else "around zero"


def limits() -> str:
    return (
        "These are small networks and images, one teacher for each data set and image size, and our"
        " reading of BicKD from the abstract: the authors' equations may do better or worse, and"
        " nothing here is about ImageNet. Where no difference is seen, there may be one that is"
        " too small to be seen here."
    )


def without_result(stages: dict[str, Stage]) -> list[str]:
    """Name the runs without a result, except those of tuning that diverged: high learning rates
    were drawn on purpose, and the appendix on tuning names them."""
    tuning = {name for title, stage in stages.items() if title[0] == "A" for name in stage.lost}
    lost = {name: why for stage in stages.values() for name, why in stage.lost.items()}
    named = [name for name, why in lost.items() if not (name in tuning and why == "diverged")]
    if not named:
        return []
    text = (
        f"Runs without a result: {', '.join(f'`{name}` ({lost[name]})' for name in named)}. Where"
        " configurations and rates are chosen, they count as 0 %."
    )
    if any(name not in tuning and "-rates-" not in name for name in named):
        text += (
            " Elsewhere they are left out, so a method that loses its worst runs looks better than"
            " it is."
        )
    return [text, ""]
