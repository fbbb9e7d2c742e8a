"""Every objective as people choose it: title, reason, source.

`ObjectiveOptions` is the union that configs, the command line and the Distill page share, told apart by
`kind`. Defaults cite their source in `PRESETS`; the mathematics stands in `docs/losses.md`.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bickd_core.presets.features import CRDOptions, PKTOptions, RKDOptions, SPOptions
from bickd_core.presets.logits import (
    BicKDOptions,
    CEOptions,
    DISTOptions,
    DKDOptions,
    KDOptions,
    MLKDOptions,
    NKDOptions,
)
from bickd_core.presets.options import Options

ObjectiveOptions = Annotated[
    CEOptions
    | KDOptions
    | DKDOptions
    | DISTOptions
    | MLKDOptions
    | NKDOptions
    | SPOptions
    | RKDOptions
    | PKTOptions
    | CRDOptions
    | BicKDOptions,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class Preset:
    """One objective as the Distill page offers it.

    kind: the name in configs. title: for people. why: one line on when to choose it. citation: where its
    formula and its defaults come from. options: the class of its options, built with the defaults. rate: the peak
    learning rate of SGD (momentum 0.9, cosine) that of five did best on caltech95's validation images, ResNet-8,
    batch 64, 40 epochs: `pretrained/sweeps/caltech95-rates.yaml`.
    """

    kind: str
    title: str
    why: str
    citation: str
    options: type[Options]
    rate: float


@dataclass(frozen=True)
class Variant:
    """A published setting of an objective that has a name of its own: options to start from, not a new kind. rate: as a preset's.
    short: for charts."""

    name: str
    title: str
    short: str
    why: str
    citation: str
    options: Options
    rate: float


PRESETS: dict[str, Preset] = {
    preset.kind: preset
    for preset in (
        Preset(
            kind="ce",
            title="Labels only",
            why="Learns from the labels alone: what the others must beat.",
            citation="Cross-entropy; no teacher, no options.",
            options=CEOptions,
            rate=0.2,
        ),
        Preset(
            kind="kd",
            title="KD",
            why="Imitates the teacher's softened probabilities, sample by sample: the classic baseline.",
            citation="Hinton, Vinyals and Dean 2015, arXiv 1503.02531; defaults: mdistiller, engine/cfg.py.",
            options=KDOptions,
            rate=0.4,
        ),
        Preset(
            kind="dkd",
            title="DKD",
            why="Weighs what the teacher says of the wrong classes apart from, and above, what it says of the right one.",
            citation="Zhao, Cui, Song, Qiu and Liang, CVPR 2022, arXiv 2203.08679; defaults: mdistiller, engine/cfg.py.",
            options=DKDOptions,
            rate=0.05,
        ),
        Preset(
            kind="dist",
            title="DIST",
            why="Asks for the teacher's pattern within each sample and each class (correlation), not for its exact figures.",
            citation="Huang, You, Wang, Qian and Xu, NeurIPS 2022, arXiv 2205.10536; CIFAR defaults.",
            options=DISTOptions,
            rate=0.025,
        ),
        Preset(
            kind="mlkd",
            title="MLKD",
            why="KD at five temperatures, and the teacher's similarities between samples and between classes.",
            citation=(
                "Jin, Wang and Lin, Multi-Level Logit Distillation, CVPR 2023; the paper's loss on one view, "
                "without the two views, masks and 480 epochs of the released recipe."
            ),
            options=MLKDOptions,
            rate=0.025,
        ),
        Preset(
            kind="nkd",
            title="NKD",
            why="Scales the label by the teacher's trust in it, and teaches the other classes apart, normalised.",
            citation="Yang, Zeng, Li, Zhang, Yuan and Li, ICCV 2023, arXiv 2303.13005; defaults: T 1, gamma 1.5.",
            options=NKDOptions,
            rate=0.2,
        ),
        Preset(
            kind="sp",
            title="SP",
            why="Samples that look alike to the teacher's last maps are to look alike to the student's.",
            citation="Tung and Mori, ICCV 2019, arXiv 1907.09682; weight 3000: mdistiller, engine/cfg.py.",
            options=SPOptions,
            rate=0.2,
        ),
        Preset(
            kind="rkd",
            title="RKD",
            why="Keeps the distances and angles between samples' features, whatever the two models' widths.",
            citation="Park, Kim, Lu and Cho, CVPR 2019, arXiv 1904.05068; weights 25 and 50: mdistiller, engine/cfg.py.",
            options=RKDOptions,
            rate=0.4,
        ),
        Preset(
            kind="pkt",
            title="PKT",
            why="Matches who is whose neighbour: cosine similarities of features, as probabilities.",
            citation="Passalis and Tefas, ECCV 2018, arXiv 1803.10837; weight 30000: mdistiller, engine/cfg.py.",
            options=PKTOptions,
            rate=0.4,
        ),
        Preset(
            kind="crd",
            title="CRD",
            why="Tells a sample's own teacher features from thousands of others': trains two heads, keeps a memory.",
            citation=(
                "Tian, Krishnan and Isola, ICLR 2020, arXiv 1910.10699; defaults: RepDistiller and mdistiller, "
                "engine/cfg.py."
            ),
            options=CRDOptions,
            rate=0.4,
        ),
        Preset(
            kind="bickd",
            title="BicKD (reconstruction)",
            why="KD and two contrasts, over samples and over classes: keeps the classes apart.",
            citation=(
                "A reconstruction from the abstract of arXiv 2602.01265 (BicKD: Bilateral Contrastive "
                "Knowledge Distillation); its defaults are of our first exploration, not the authors'."
            ),
            options=BicKDOptions,
            rate=0.1,
        ),
    )
}

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(
            name="kd-standardize",
            title="KD, standardised logits",
            short="KD std",
            why="KD on z-scored logits: the student copies the order and the relations, not the scale.",
            citation=(
                "Sun, Ren, Li, Wang and Cao, CVPR 2024, arXiv 2403.01427; base temperature 2, KD weight 9, CE weight 1: "
                "sunshangquan/logit-standardization-KD, engine/cfg.py and tools/train.py."
            ),
            options=KDOptions(temperature=2.0, alpha=1.0, beta=9.0, standardize=True),
            rate=0.4,
        ),
    )
}


def variant_of(objective: Options) -> Variant | None:
    """The variant that has these very options, if there is one."""
    return next((one for one in VARIANTS.values() if one.options == objective), None)


def own_rate(objective: Options) -> float:
    """The learning rate of the variant that has these very options, else of the objective's preset; see `Preset`.

    >>> own_rate(KDOptions()), own_rate(DISTOptions(beta=1.0))
    (0.4, 0.025)
    """
    variant = variant_of(objective)
    return PRESETS[objective.kind].rate if variant is None else variant.rate
