"""Download the pretrained weights of timm's networks."""

from __future__ import annotations

from pathlib import Path

from bickd_core.data.registry import DatasetInfo
from bickd_core.importing.folder_config import inputs_of_timm
from bickd_core.importing.identify import Identified
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.models.catalogue import TIMM, resolve
from bickd_core.models.timm_models import check_timm_name, import_package
from bickd_core.naming import classes_text, plain_reason
from bickd_core.runs.checkpoints import save_weights


def fetch_pretrained(arch: str, info: DatasetInfo, folder: Path) -> Identified:
    """Let timm download a network's weights, write them to `folder`, and return them with the
    network's inputs.

    Args:
        arch: `timm:NAME` or `timm:NAME.TAG`.
        info: the data. The number of classes is compared before anything is downloaded.

    Raises:
        RefusedFile: it is not a timm network, has no weights, has other classes, or the download
            fails.
        ValueError: timm is not installed or cannot be imported.
    """
    if not arch.startswith(TIMM):
        raise RefusedFile(
            "--pretrained needs a timm network, such as --arch timm:resnet18, got"
            f" {arch or 'none'}."
        )
    name = resolve(arch).name.removeprefix(TIMM)
    timm = import_package("timm", name)
    check_timm_name(timm, name)
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:  # no such tag
        raise RefusedFile(
            f"timm has no such weights of {name}: {plain_reason(str(error))}."
        ) from error
    if config is None or not config.has_weights:
        raise RefusedFile(
            f"timm has no pretrained weights of {name}; choose another network, or import a file."
        )
    if config.num_classes != info.num_classes:
        raise RefusedFile(
            f"The pretrained weights of {arch} are for {config.num_classes:,} classes, but dataset"
            f" {info.name} has {classes_text(info.num_classes, info.class_names)}; choose data of"
            " the same classes, or train its head on these and import that file."
        )
    try:
        net = timm.create_model(name, pretrained=True)
    except (
        Exception
    ) as error:  # timm, the hub's client and the network each have errors of their own
        reason = plain_reason(str(error).strip() or "no reason given")
        raise RefusedFile(
            f"The pretrained weights of {arch} could not be downloaded ({type(error).__name__}:"
            f" {reason}); on a machine that reaches the hub, save them with"
            f" torch.save(timm.create_model('{name}', pretrained=True).state_dict(), 'w.pth'), and"
            f" import w.pth with --arch {arch}."
        ) from error
    file = folder / f"{name}.safetensors"
    save_weights(net, file, metadata={"arch": arch})
    fields = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in config.to_dict().items()
    }
    return Identified(file, arch=arch, inputs=inputs_of_timm(fields))
