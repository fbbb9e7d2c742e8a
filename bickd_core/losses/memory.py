"""Map training samples to the rows of a memory, and choose their negatives."""

import numpy as np
import torch
from torch import Tensor, nn

from bickd_core.losses.inputs import check_integers


class MemoryIndex(nn.Module):
    """Rows 0 to N - 1 of a memory for N training samples with any ids.

    Rows are in ascending order of ids, so they do not depend on the order of samples in a split.
    The state dict is empty, because everything follows from the data.

    Args:
        ids: [N] int64, unique, of the original data set.
        labels: [N] int64.
    """

    ids: Tensor
    label_of: Tensor
    by_class: Tensor
    first: Tensor
    count: Tensor

    def __init__(self, ids: np.ndarray, labels: np.ndarray) -> None:
        super().__init__()
        order = np.argsort(ids)
        _, label_of = np.unique(labels[order], return_inverse=True)
        count = np.bincount(label_of)
        self.one_class = len(count) == 1
        for name, values in {
            "ids": ids[order],
            "label_of": label_of,
            "by_class": np.argsort(label_of, kind="stable"),  # rows, class by class
            "first": np.cumsum(count) - count,  # where a class begins there
            "count": count,
        }.items():
            self.register_buffer(name, torch.as_tensor(values.astype(np.int64)), persistent=False)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Tensor) -> Tensor:
        """Return the rows of these ids [B].

        Raises:
            TypeError: the ids are not a tensor of integers.
            ValueError: an id is not in the training split.
        """
        ids = check_integers(ids, "ids", self.ids.device)
        rows = torch.searchsorted(self.ids, ids).clamp(max=len(self) - 1)
        if not torch.equal(self.ids[rows], ids):
            unknown = ids[self.ids[rows] != ids]
            raise ValueError(
                "ids must be of the training split that `setup` was given, got"
                f" {unknown[:3].tolist()}; pass the original ids of the samples."
            )
        return rows

    def negatives(
        self, rows: Tensor, count: int, *, others: bool, generator: torch.Generator
    ) -> Tensor:
        """Draw rows [B, count] uniformly, with replacement.

        Args:
            others: whether to draw only rows of other labels than the sample's.
        """
        shape = (len(rows), count)
        if not others:
            return torch.randint(len(self), shape, generator=generator, device=rows.device)
        label = self.label_of[rows][:, None]  # [B, 1]
        left = len(self) - self.count[label]
        # 2^62 outcomes over less than 2^32 rows: even to within 2^-30
        at = torch.randint(2**62, shape, generator=generator, device=rows.device) % left
        return self.by_class[at + self.count[label] * (at >= self.first[label])]
