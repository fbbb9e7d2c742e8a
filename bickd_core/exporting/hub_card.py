"""The README of a folder for a model hub: the run's card, a `model-index` with its figures, and how
to load it."""

from __future__ import annotations

from typing import Any

import yaml

from bickd_core.data.registry import dataset_title, short_name
from bickd_core.exporting.network import Network
from bickd_core.exporting.usage import usage_section
from bickd_core.runs.card import card_text, summary_of
from bickd_core.runs.library import Library, RunFolder


def hub_card(run: RunFolder, network: Network, library: Library) -> str:
    """Return the card as Markdown, with the metadata that Hugging Face reads."""
    info = network.info
    metadata: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["knowledge-distillation", "bickd-explorer", info.arch],
        "datasets": [short_name(info.dataset)],
    }
    body = f"# {info.name}\n{info.arch}, {info.role}, on {dataset_title(info.dataset)}.\n"
    if run.has_predictions("test"):
        summary = summary_of(run, info, library)
        body = card_text(info, summary, "").split("---\n", 2)[2]
        metrics = [
            ("accuracy", summary.accuracy),
            ("agreement with the teacher", summary.agreement),
        ]
        metadata["model-index"] = [
            {
                "name": info.name,
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {
                            "name": dataset_title(info.dataset),
                            "type": short_name(info.dataset),
                            "split": "test",
                        },
                        "metrics": [
                            {
                                "type": "accuracy",
                                "name": name,
                                "value": round(float(interval.estimate), 4),
                            }
                            for name, interval in metrics
                            if interval is not None
                        ],
                    }
                ],
            }
        ]
    usage = usage_section("hub", info.arch, network.preprocessing, info.image_shape[1])
    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n{body}\n{usage}"
