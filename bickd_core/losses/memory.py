"""Which row of a memory belongs to which training sample, and which rows are its negatives."""

import numpy as np
import torch
from torch import Tensor, nn


class MemoryIndex(nn.Module):
    """Rows 0..N-1 of a memory for N training samples with any ids; moves with the module it is part
    of.

    ids: [N] int64, unique, of the original data set. labels: [N] int64. Rows follow the ids in
    ascending order, so they do not change with the order in which a split holds its samples. None
    of it is in a state_dict: it is a function of the data.
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
        for name, found in {
            "ids": ids[order],
            "label_of": label_of,
            "by_class": np.argsort(label_of, kind="stable"),  # rows, class by class
            "first": np.cumsum(count) - count,  # where a class begins there
            "count": count,
        }.items():
            self.register_buffer(name, torch.as_tensor(found.astype(np.int64)), persistent=False)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: Tensor) -> Tensor:
        """The rows of these ids [B]; ValueError for an id that is not of the training split."""
        rows = torch.searchsorted(self.ids, ids).clamp(max=len(self) - 1)
        if not torch.equal(self.ids[rows], ids):
            unknown = ids[self.ids[rows] != ids]
            raise ValueError(
                "ids must be of the training split that `setup` was given, but"
                f" {unknown[:3].tolist()} came; hand over the original ids of the samples."
            )
        return rows

    def negatives(
        self, rows: Tensor, count: int, *, others: bool, generator: torch.Generator
    ) -> Tensor:
        """[B, count] rows drawn evenly, with replacement: of other labels than the sample's
        (`others`), or of all."""
        shape = (len(rows), count)
        if not others:
            return torch.randint(len(self), shape, generator=generator, device=rows.device)
        label = self.label_of[rows][:, None]  # [B, 1]
        left = len(self) - self.count[label]
        # 2^62 outcomes over less than 2^32 rows: even to within 2^-30
        at = torch.randint(2**62, shape, generator=generator, device=rows.device) % left
        return self.by_class[at + self.count[label] * (at >= self.first[label])]
