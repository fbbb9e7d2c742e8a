"""All objectives with title, reason and source.

`ObjectiveOptions` is the union of their options for configs, the command line and the Distill page.
`kind` distinguishes them. `PRESETS` cites the source of the defaults, and docs/losses.md has the
formulas.
"""

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

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
from bickd_core.presets.offered import offered_options
from bickd_core.presets.options import Options


def _kinds(union: Any) -> set[str]:
    return {options.model_fields["kind"].default for options in get_args(union)}


_OWN = (
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
    | BicKDOptions
)
_OFFERED = {
    kind: options for kind, options in offered_options().items() if kind not in _kinds(_OWN)
}
if TYPE_CHECKING:
    ObjectiveOptions = Annotated[_OWN, Field(discriminator="kind")]
else:
    ObjectiveOptions = Annotated[
        functools.reduce(operator.or_, _OFFERED.values(), _OWN), Field(discriminator="kind")
    ]


Setting = Literal["cifar", "imagenet", "caltech95", "none"]
SETTINGS: dict[Setting, str] = {
    "cifar": "published for CIFAR-100",
    "imagenet": "published for ImageNet",
    "caltech95": "tuned on caltech95 (docs/study.md)",
    "none": "ours, not tuned",
}
"""Where the options of a method come from."""


@dataclass(frozen=True)
class Preset:
    """An objective on the Distill page. docs/losses.md has the source of every value.

    Attributes:
        kind: the name in configs.
        title: shown to the user.
        why: when to choose it, in one line.
        citation: source of the formula and the defaults.
        options: the class of its options.
        rate: the best of five peak learning rates of SGD (momentum 0.9, cosine) on caltech95's
            validation images, for ResNet-8, batch 64 and 40 epochs
            (`pretrained/sweeps/caltech95-rates.yaml`). See `RATES_TO_CHOOSE`.
        setting: where the defaults come from.
    """

    kind: str
    title: str
    why: str
    citation: str
    options: type[Options]
    rate: float
    setting: Setting = "cifar"


@dataclass(frozen=True)
class Variant:
    """A named setting of an objective.

    Attributes:
        short: title in charts.
        rate: see `Preset`.
        former: its options in earlier versions. Runs with these options keep the name.
    """

    name: str
    title: str
    short: str
    why: str
    citation: str
    options: Options
    rate: float
    setting: Setting = "cifar"
    former: tuple[Options, ...] = ()


PRESETS: dict[str, Preset] = {
    preset.kind: preset
    for preset in (
        Preset(
            kind="ce",
            title="Labels only",
            why="Learns only from the labels: the baseline for distillation.",
            citation="Cross-entropy; no teacher, no options.",
            options=CEOptions,
            rate=0.2,
            setting="none",
        ),
        Preset(
            kind="kd",
            title="KD",
            why=(
                "Matches the teacher's softened probabilities sample by sample: the classic method."
            ),
            citation=(
                "Hinton, Vinyals and Dean 2015, arXiv 1503.02531; defaults: mdistiller,"
                " engine/cfg.py."
            ),
            options=KDOptions,
            rate=0.4,
        ),
        Preset(
            kind="dkd",
            title="DKD",
            why=(
                "Splits KD into the true class and the other classes, and gives the other classes"
                " more weight."
            ),
            citation=(
                "Zhao, Cui, Song, Qiu and Liang, CVPR 2022, arXiv 2203.08679; defaults: mdistiller,"
                " engine/cfg.py."
            ),
            options=DKDOptions,
            rate=0.05,
        ),
        Preset(
            kind="dist",
            title="DIST",
            why=(
                "Matches the correlation with the teacher within each sample and each class, not"
                " the exact probabilities."
            ),
            citation=(
                "Huang, You, Wang, Qian and Xu, NeurIPS 2022, arXiv 2205.10536; defaults: its"
                " dist_cifar.yaml."
            ),
            options=DISTOptions,
            rate=0.025,
        ),
        Preset(
            kind="mlkd",
            title="MLKD",
            why=(
                "KD at five temperatures, plus the teacher's similarities between samples and"
                " between classes."
            ),
            citation=(
                "Jin, Wang and Lin, Multi-Level Logit Distillation, CVPR 2023; the paper's loss on"
                " one view with the release's weights, without its two views, masks and longer"
                " training."
            ),
            options=MLKDOptions,
            rate=0.025,
        ),
        Preset(
            kind="nkd",
            title="NKD",
            why=(
                "Weights the label by the teacher's probability for it, and matches the other"
                " classes after normalising them."
            ),
            citation=(
                "Yang, Zeng, Li, Zhang, Yuan and Li, ICCV 2023, arXiv 2303.13005; defaults: cls_KD,"
                " configs/distillers/cifar100."
            ),
            options=NKDOptions,
            rate=0.2,
        ),
        Preset(
            kind="sp",
            title="SP",
            why="Matches the similarities between samples in the last feature maps.",
            citation=(
                "Tung and Mori, ICCV 2019, arXiv 1907.09682; weight 3000: mdistiller,"
                " engine/cfg.py."
            ),
            options=SPOptions,
            rate=0.2,
        ),
        Preset(
            kind="rkd",
            title="RKD",
            why=(
                "Matches distances and angles between samples' features. The two models may have"
                " different widths."
            ),
            citation=(
                "Park, Kim, Lu and Cho, CVPR 2019, arXiv 1904.05068; weights 25 and 50: mdistiller,"
                " engine/cfg.py."
            ),
            options=RKDOptions,
            rate=0.4,
        ),
        Preset(
            kind="pkt",
            title="PKT",
            why="Matches the cosine similarities of features, turned into neighbour probabilities.",
            citation=(
                "Passalis and Tefas, ECCV 2018, arXiv 1803.10837; weight 30000: mdistiller,"
                " engine/cfg.py."
            ),
            options=PKTOptions,
            rate=0.4,
        ),
        Preset(
            kind="crd",
            title="CRD",
            why=(
                "Contrasts a sample's teacher features with those of thousands of others, using two"
                " trained heads and a memory."
            ),
            citation=(
                "Tian, Krishnan and Isola, ICLR 2020, arXiv 1910.10699; defaults: RepDistiller and"
                " mdistiller, engine/cfg.py."
            ),
            options=CRDOptions,
            rate=0.4,
        ),
        Preset(
            kind="bickd",
            title="BicKD (reconstruction)",
            why="KD plus two contrasts, over samples and over classes, to keep classes apart.",
            citation=(
                "A reconstruction from the abstract of arXiv 2602.01265 (BicKD: Bilateral"
                " Contrastive Knowledge Distillation); the defaults are from our first experiments,"
                " not from the authors."
            ),
            options=BicKDOptions,
            rate=0.2,
            setting="none",
        ),
    )
}

_STANDARDIZE = (
    "Sun, Ren, Li, Wang and Cao, CVPR 2024, arXiv 2403.01427;"
    " sunshangquan/logit-standardization-KD, "
)
_MDISTILLER = "megvii-research/mdistiller, "
_TUNED = (
    "The best of 17 settings, learning rates included, on five folds of caltech95: docs/study.md."
)
_RECONSTRUCTION = (
    "A reading of the abstract of arXiv 2602.01265 that leaves one term out; the setting is ours."
)

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(
            name="kd-standardize",
            title="KD, standardised logits",
            short="KD std",
            why=(
                "KD on z-scored logits: the student matches the relations between logits, not their"
                " scale."
            ),
            citation=f"{_STANDARDIZE}engine/cfg.py: T 2, CE weight 0.1, KD weight 9.",
            options=KDOptions(temperature=2.0, alpha=0.1, beta=9.0, standardize=True),
            rate=0.4,
            former=(KDOptions(temperature=2.0, alpha=1.0, beta=9.0, standardize=True),),
        ),
        Variant(
            name="kd-imagenet",
            title="KD, ImageNet setting",
            short="KD IN",
            why="KD as published for ImageNet: T 1, both weights 0.5.",
            citation=f"{_MDISTILLER}configs/imagenet/r34_r18/kd.yaml.",
            options=KDOptions(temperature=1.0, alpha=0.5, beta=0.5),
            rate=0.4,
            setting="imagenet",
        ),
        Variant(
            name="dkd-thin",
            title="DKD, thin teachers",
            short="DKD thin",
            why=(
                "DKD with weight 2 on the other classes, as published for the teachers resnet56 and"
                " resnet110."
            ),
            citation=f"{_MDISTILLER}configs/cifar100/dkd/res56_res20.yaml.",
            options=DKDOptions(non_target=2.0),
            rate=0.05,
        ),
        Variant(
            name="dkd-standardize",
            title="DKD, standardised logits",
            short="DKD std",
            why="DKD on z-scored logits, with nine times larger weights.",
            citation=f"{_STANDARDIZE}tools/train.py: T 2, weights 9 and 72.",
            options=DKDOptions(temperature=2.0, target=9.0, non_target=72.0, standardize=True),
            rate=0.05,
        ),
        Variant(
            name="dkd-imagenet",
            title="DKD, ImageNet setting",
            short="DKD IN",
            why=(
                "DKD as published for distilling ResNet-34 into ResNet-18: T 1, weight 0.5 on the"
                " other classes."
            ),
            citation=f"{_MDISTILLER}configs/imagenet/r34_r18/dkd.yaml.",
            options=DKDOptions(temperature=1.0, non_target=0.5, warmup=1 / 100),
            rate=0.05,
            setting="imagenet",
        ),
        Variant(
            name="dist-imagenet",
            title="DIST, ImageNet setting",
            short="DIST IN",
            why="DIST as published for ImageNet: T 1.",
            citation=(
                "hunto/image_classification_sota, configs/strategies/distill/resnet_dist.yaml."
            ),
            options=DISTOptions(temperature=1.0),
            rate=0.025,
            setting="imagenet",
        ),
        Variant(
            name="nkd-imagenet",
            title="NKD, ImageNet setting",
            short="NKD IN",
            why="NKD as published for ImageNet: T 1, gamma 1.5.",
            citation="yzd-v/cls_KD, configs/distillers/imagenet/res34_distill_res18_img.py.",
            options=NKDOptions(temperature=1.0, gamma=1.5),
            rate=0.2,
            setting="imagenet",
        ),
        Variant(
            name="kd-tuned",
            title="KD, tuned",
            short="KD tuned",
            why="KD as our study tuned it for caltech95.",
            citation=_TUNED,
            options=KDOptions(temperature=4.525, alpha=0.6555, beta=2.542),
            rate=0.131,
            setting="caltech95",
        ),
        Variant(
            name="dist-tuned",
            title="DIST, tuned",
            short="DIST tuned",
            why="DIST as our study tuned it for caltech95.",
            citation=_TUNED,
            options=DISTOptions(temperature=6.113, alpha=0.5322, beta=0.8494, gamma=4.327),
            rate=0.0228,
            setting="caltech95",
        ),
        Variant(
            name="mlkd-tuned",
            title="MLKD, tuned",
            short="MLKD tuned",
            why="MLKD as our study tuned it for caltech95.",
            citation=_TUNED,
            options=MLKDOptions(
                temperature=5.15,
                alpha=0.8845,
                beta=0.7319,
                lambda_sample=0.6343,
                lambda_class=0.1309,
            ),
            rate=0.04612,
            setting="caltech95",
        ),
        Variant(
            name="bickd-tuned",
            title="BicKD, tuned (reconstruction)",
            short="BicKD tuned",
            why="BicKD as our study tuned it for caltech95.",
            citation=_TUNED,
            options=BicKDOptions(
                temperature=7.404,
                tau=0.5468,
                alpha=0.1156,
                beta=4.282,
                lambda_sample=2.243,
                lambda_class=14.89,
                same_class="ignore",
                absent="drop",
            ),
            rate=0.06323,
            setting="caltech95",
        ),
        Variant(
            name="bickd-class",
            title="BicKD, class side only (reconstruction)",
            short="BicKD class",
            why="KD plus the contrast over classes alone: what does the class-wise side do?",
            citation=_RECONSTRUCTION,
            options=BicKDOptions(lambda_sample=0.0),
            rate=0.2,
            setting="none",
            former=(BicKDOptions(lambda_sample=0.0, same_class="negative"),),
        ),
        Variant(
            name="bickd-no-kl",
            title="BicKD without KL (reconstruction)",
            short="BicKD no KL",
            why="Both contrasts without KD: what do they teach by themselves?",
            citation=_RECONSTRUCTION,
            options=BicKDOptions(beta=0.0),
            rate=0.2,
            setting="none",
            former=(BicKDOptions(beta=0.0, same_class="negative"),),
        ),
    )
}

PRESETS |= {
    kind: Preset(
        kind=kind,
        title=getattr(options, "title", kind),
        why=getattr(options, "why", "An objective of an installed package."),
        citation=getattr(options, "citation", "An installed package."),
        options=options,
        rate=getattr(options, "rate", 0.05),
        setting="none",
    )
    for kind, options in _OFFERED.items()
}

RATES_TO_CHOOSE = frozenset(
    {
        *_OFFERED,
        "mlkd",
        "nkd",
        "kd-standardize",
        "kd-imagenet",
        "dkd-thin",
        "dkd-standardize",
        "dkd-imagenet",
        "dist-imagenet",
        "bickd-class",
        "bickd-no-kl",
    }
)
"""Methods whose learning rate was chosen with other options of their objective, or not at all."""


def setting_of(name: str) -> Setting:
    """Return where the options of a preset or variant come from.

    >>> setting_of("nkd"), setting_of("nkd-imagenet"), setting_of("bickd")
    ('cifar', 'imagenet', 'none')
    """
    return VARIANTS[name].setting if name in VARIANTS else PRESETS[name].setting


def methods_text() -> str:
    """Return the names of all presets and variants by setting, for the command line's help."""
    every = (*PRESETS, *VARIANTS)
    groups = [
        f"{origin}: {', '.join(name for name in every if setting_of(name) == setting)}"
        for setting, origin in SETTINGS.items()
    ]
    return f"Methods. Options {'; '.join(groups)}."


def variant_of(objective: Options) -> Variant | None:
    """Return the variant that has these options, or had them in an earlier version; or None."""
    return next(
        (
            variant
            for variant in VARIANTS.values()
            if objective in (variant.options, *variant.former)
        ),
        None,
    )


def title_of(objective: Options) -> str:
    """Return the title of the variant with these options, or of the objective's preset."""
    variant = variant_of(objective)
    return PRESETS[objective.kind].title if variant is None else variant.title


def own_rate(objective: Options) -> float:
    """Return the learning rate of the variant with these options, or of the objective's preset.

    >>> own_rate(KDOptions()), own_rate(DISTOptions(beta=1.0))
    (0.4, 0.025)
    """
    variant = variant_of(objective)
    return PRESETS[objective.kind].rate if variant is None else variant.rate
