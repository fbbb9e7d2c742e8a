"""The model card of a run: what it is, how it was made, what it reaches, what it costs, and its licence."""

from __future__ import annotations

from bickd_core.atomic import write_text
from bickd_core.data import DATASETS, dataset_title, short_name
from bickd_core.geometry import Summary, summarise
from bickd_core.predictions import PredictionsError, align
from bickd_core.presets import PRESETS
from bickd_core.runs import Cost, Library, RunError, RunFolder, RunInfo


def write_card(run: RunFolder, library: Library) -> None:
    """Write README.md from what the run folder holds."""
    info = run.info()
    write_text(run.path / "README.md", card_text(info, _summary(run, info, library), _best(run)))


def _summary(run: RunFolder, info: RunInfo, library: Library) -> Summary:
    own = run.predictions("test")
    if info.teacher is not None:
        try:
            teacher, student = align([library.locate(info.teacher.key).predictions("test"), own]).predictions
            return summarise(teacher, student)
        except (RunError, PredictionsError):
            pass  # the teacher is gone or has other samples: the card then stands without agreement
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


def card_text(info: RunInfo, summary: Summary, best: str) -> str:
    """The card as Markdown with the metadata block that model hubs read."""
    data = DATASETS.get(info.dataset)
    how = "Imported weights." if info.config is None else _recipe(info)
    ours = info.source.kind == "trained"
    lines = [
        "---",
        "license: mit" if ours else "license: unknown",
        f"datasets: [{short_name(info.dataset)}]",
        "tags: [knowledge-distillation]",
        "---",
        f"# {info.name}",
        f"{info.arch}, {info.role}, on {dataset_title(info.dataset)} at {info.image_size} pixels.",
        "",
        "## How it was made",
        how,
        "",
        "## Figures",
        f"- test accuracy: {_with_interval(summary.accuracy, percent=True)} (last weights, {len_words(summary)})",
        *best.splitlines(),
        f"- class overlap at T = 4: {_with_interval(summary.overlap)}",
    ]
    if summary.agreement is not None:
        lines.append(
            f"- agreement with the teacher on test: {_with_interval(summary.agreement, percent=True)}"
        )
    if info.cost is not None:
        lines += [
            f"- {info.cost.parameters:,} parameters, {2 * info.cost.macs / 1e6:,.1f} MFLOPs an image "
            f"(2 x {info.cost.macs / 1e6:,.1f} M multiply-accumulates)",
        ]
        if info.cost.latency_ms is not None:
            lines.append(f"- {_latencies(info.cost)} on {info.cost.latency_cpu}")
    lines += ["", "## Licence"]
    lines.append(
        "Weights and predictions: MIT."
        if ours
        else "Weights and predictions: not known here, since the weights were imported; their owner names the licence."
    )
    if data is not None:
        lines.append(f"Images: {data.licence}. {data.credit}.")
    return "\n".join(lines) + "\n"


def len_words(summary: Summary) -> str:
    return f"n = {summary.n:,}, 95 % interval over samples"


def _latencies(cost: Cost) -> str:
    one = f"{cost.latency_ms:g} ms for one image"
    return one if cost.latency_batch_ms is None else f"{one}, {cost.latency_batch_ms:g} ms for a batch of 64,"


def _recipe(info: RunInfo) -> str:
    config = info.config
    assert config is not None
    preset = PRESETS[config.objective.kind]
    options = ", ".join(f"{k} {v}" for k, v in config.objective.model_dump().items() if k != "kind")
    teacher = f" Teacher: {info.teacher.key}." if info.teacher else ""
    return (
        f"Objective: {preset.title}{f' ({options})' if options else ''}. {preset.citation}{teacher} "
        f"{config.epochs} epoch{'s' if config.epochs > 1 else ''}, batch {config.batch_size}, {config.optimizer.kind} with learning rate "
        f"{config.optimizer.lr:g}, {config.schedule.kind} schedule, seeds {config.seeds.weights} (weights), "
        f"{config.seeds.order} (order), {config.seeds.augmentation} (augmentation)."
    )


def _with_interval(interval: object, percent: bool = False) -> str:
    if interval is None:
        return "not known (no labels)"
    form = "{:.1%}" if percent else "{:.4f}"
    low, high = form.format(interval.low), form.format(interval.high)  # type: ignore[attr-defined]
    return f"{form.format(interval.estimate)} [{low}, {high}]"  # type: ignore[attr-defined]
