"""Write the answer to "which method?" that the Distill page shows: `make results` makes
app/distill/which_method.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bickd_core.atomic import write_text
from bickd_core.sweeps.results import read_results
from bickd_viz.text import numbers
from pretrained import study_page
from pretrained.method_choice import BASE, LABELS, Choice, points
from pretrained.rate_results import CHOSEN, RATES, by_rate
from pretrained.study_comparisons import OWN
from pretrained.sweep_results import FILE, paired, right, teacher_of

TARGET = Path(__file__).resolve().parents[1] / "app" / "distill" / "which_method.json"


def main() -> None:
    write_text(TARGET, content(answer()))
    print(TARGET)


def content(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def answer() -> dict[str, Any]:
    """Return three lines and the page with the tables: from the study when its stage B is complete,
    before that from the sweeps of docs/results.md."""
    results = study_page.Results.read()
    if results.confirmed is not None:
        return {"lines": study_page.three_lines(results), "source": "docs/study.md"}
    runs = by_rate([line for file in (FILE, RATES, CHOSEN) for line in read_results(file)])
    teacher = teacher_of(next(iter(runs[BASE].values()))[0])
    return {"lines": three_lines(Choice.of(runs, teacher)), "source": "docs/results.md"}


def three_lines(choice: Choice) -> list[str]:
    base, others = choice.name(BASE), len(choice.accuracy)
    seeds = numbers.counted(len(choice.groups[BASE]), "seed")
    better = choice.with_verdict("more accurate")
    gain = paired(choice.groups[BASE], choice.groups[LABELS], choice.teacher, right)
    assert gain is not None
    first = next(iter(choice.groups[BASE].values()))
    return [
        (
            f"Start with {base}: on {first.dataset}, none of {others} other methods is"
            f" significantly more accurate over {seeds}, each at the learning rate chosen for it."
            if not better
            else f"On {first.dataset}, {numbers.listed([choice.name(each) for each in better])}"
            f" {'is' if len(better) == 1 else 'are'} more accurate than {base} over {seeds}, each"
            " at the learning rate chosen for it."
        ),
        (
            f"{base} minus labels only is {points(gain)} points of accuracy, and {choice.name(OWN)}"
            f" minus {base} is {points(choice.accuracy[OWN][0])} (95% intervals in brackets)."
        ),
        (
            f"This is one data set with one pair of small networks ({first.teacher} and"
            f" {first.arch}). On your data, compare two or three methods over several seeds."
        ),
    ]


if __name__ == "__main__":
    main()
