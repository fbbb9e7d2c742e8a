"""The model card of a run: description, training, figures, cost and licence."""

from __future__ import annotations

from bickd_core.atomic import write_text
from bickd_core.data.registry import (
    DATASETS,
    called,
    dataset_title,
    short_name,
)
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.summary import Summary, summarise
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.inputs import inputs_sentence, undecided_inputs
from bickd_core.runs.library import Cost, Library, RunError, RunFolder, RunInfo
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.runs.teachers import recorded_teacher


def write_card(run: RunFolder, library: Library, *, licence: str = "") -> None:
    """Write README.md from the content of the run folder.

    Args:
        licence: of weights and predictions, such as "MIT". The person who trained them chooses it.
    """
    info = run.info()
    write_text(
        run.path / "README.md", card_text(info, summary_of(run, info, library), _best(run), licence)
    )


def summary_of(run: RunFolder, info: RunInfo, library: Library) -> Summary:
    """Return the run's figures on test, compared with its teacher if that still exists."""
    own = run.predictions("test")
    try:
        teacher = recorded_teacher(info, library.locate)
        if teacher is not None:
            return summarise(*align([teacher.predictions("test"), own]).predictions)
    except (RunError, PredictionsError):
        pass  # the teacher is gone, was replaced or has other samples: no agreement in the card
    return summarise(None, own)


def _best(run: RunFolder) -> str:
    records = run.metrics()
    if not records:
        return ""
    best = max(records, key=lambda record: record["validation_accuracy"])
    last = records[-1]
    return (
        f"- validation accuracy: last epoch {last['validation_accuracy']:.1%}, "
        f"best {best['validation_accuracy']:.1%} in epoch {best['epoch'] + 1}\n"
    )


def predictions_card(
    info: RunInfo, own: Predictions, teacher: Predictions | None, scale: str
) -> str:
    """Return the card of a run with imported predictions.

    Args:
        teacher: the teacher's predictions on some or all of the same samples; None for a teacher.
        scale: the scale of the imported scores.
    """
    lines = [
        "---",
        "license: unknown",
        "tags: [knowledge-distillation]",
        "---",
        f"# {info.name}",
        (
            f"Predictions of a {info.role} on {len(own):,} samples of {called(info.dataset)},"
            f" imported from {info.source.file} as {scale}. There are no weights, so cost and"
            " latency are unknown."
        ),
        "",
        "## Figures",
    ]
    if own.accuracy is not None:
        lines.append(f"- accuracy: {own.accuracy:.1%}")
    if teacher is not None:
        first, second = align([teacher, own]).predictions
        same = (first.predicted == second.predicted).mean()
        lines.append(f"- agreement with the teacher: {same:.1%} of {len(first):,} samples")
    return (
        "\n".join([*lines, "", "## Licence", "Not known here; the owner of the model names it."])
        + "\n"
    )


def card_text(info: RunInfo, summary: Summary, best: str, licence: str = "") -> str:
    """Return the card as Markdown, with the metadata block for model hubs."""
    data = DATASETS.get(info.dataset)
    how = _imported(info) if info.config is None else _recipe(info)
    lines = [
        "---",
        f"license: {licence.lower() or 'unknown'}",
        f"datasets: [{short_name(info.dataset)}]",
        "tags: [knowledge-distillation]",
        "---",
        f"# {info.name}",
        f"{info.arch or 'A network'}, {info.role}, on {dataset_title(info.dataset)}{_size(info)}.",
        "",
        "## How it was made",
        how,
        "",
        "## Figures",
        (
            f"- test accuracy: {_with_interval(summary.accuracy, percent=True)} (last weights,"
            f" {sample_note(summary)})"
        ),
        *best.splitlines(),
        f"- class overlap at T = 4: {_with_interval(summary.overlap)}",
    ]
    if summary.agreement is not None:
        lines.append(
            "- agreement with the teacher on test:"
            f" {_with_interval(summary.agreement, percent=True)}"
        )
    if info.cost is not None:
        lines += [
            (
                f"- {info.cost.parameters:,} parameters, {2 * info.cost.macs / 1e6:,.1f} MFLOPs an"
                f" image (2 x {info.cost.macs / 1e6:,.1f} M multiply-accumulates)"
            ),
        ]
        if info.cost.latency_ms is not None:
            lines.append(
                f"- {_latencies(info.cost)} on {info.cost.latency_cpu}{_company(info.cost)}"
            )
    lines += ["", "## Licence"]
    lines.append(f"Weights and predictions: {_licence(info, licence)}")
    if data is not None:
        lines.append(f"Images: {data.licence}. {data.credit}.")
    return "\n".join(lines) + "\n"


def _size(info: RunInfo) -> str:
    return "" if info.image_size is None else f" at {info.image_size} pixels"


def _licence(info: RunInfo, licence: str) -> str:
    if licence:
        return f"{licence}."
    if info.source.kind == "trained":
        return "no licence is named yet; whoever trained them decides, and writes it here."
    what = "the predictions" if info.source.kind == "program" else "the weights"
    return f"not known here, since {what} were imported; their owner names the licence."


def _imported(info: RunInfo) -> str:
    first = "Imported weights."
    if info.source.kind == "program":
        first = (
            f"Its predictions were made by the program {info.source.file}, which is not kept; there"
            " are no weights."
        )
    sentences = (first, *info.source.notes, inputs_sentence(info), undecided_inputs(info))
    return " ".join(filter(None, sentences))


def sample_note(summary: Summary) -> str:
    return f"n = {summary.n:,}, 95 % interval over samples"


def _latencies(cost: Cost) -> str:
    single = f"{cost.latency_ms:g} ms for one image"
    return (
        single
        if cost.latency_batch_ms is None
        else f"{single}, {cost.latency_batch_ms:g} ms for a batch of 64,"
    )


def _company(cost: Cost) -> str:
    """Return a remark on a latency that was measured on a busy machine, or ""."""
    if not cost.latency_busy:
        return ""
    return (
        "; other programs used the machine at that time, so these times are too long to be compared"
    )


def _recipe(info: RunInfo) -> str:
    config = info.config
    assert config is not None
    preset, objective = PRESETS[config.objective.kind], config.objective
    usual = {name: type(objective).model_fields[name].default for name in objective.rare}
    options = ", ".join(
        f"{name} {value}"
        for name, value in objective.model_dump(exclude={"kind"}).items()
        if name not in usual or value != usual[name]
    )
    teacher = f" Teacher: {info.teacher.key}." if info.teacher else ""
    before = f" after {info.epochs_before} of the run that it extends" if info.epochs_before else ""
    return (
        f"Objective: {preset.title}{f' ({options})' if options else ''}. {preset.citation}{teacher}"
        f" {config.epochs} epoch{'s' if config.epochs > 1 else ''}{before},"
        f" batch {config.batch_size},"
        f" {config.optimizer.kind} with learning rate {config.optimizer.lr:g},"
        f" {config.schedule.kind} schedule, seeds {config.seeds.weights} (weights),"
        f" {config.seeds.order} (order), {config.seeds.augmentation} (augmentation)."
    )


def _with_interval(interval: Interval | None, percent: bool = False) -> str:
    if interval is None:
        return "not known (no labels)"
    form = "{:.1%}" if percent else "{:.4f}"
    estimate = form.format(interval.estimate)
    if interval.low is None or interval.high is None:
        return f"{estimate} (too few images for an interval)"
    return f"{estimate} [{form.format(interval.low)}, {form.format(interval.high)}]"
