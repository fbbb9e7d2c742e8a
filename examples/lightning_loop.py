"""Distil with BicKD (a reconstruction) in Lightning: `pip install lightning`, then `python
examples/lightning_loop.py`."""

from __future__ import annotations

import lightning
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bickd_core.losses import BicKD


class Distillation(lightning.LightningModule):
    """A student that learns from labels and from a teacher that does not change."""

    def __init__(self, student: nn.Module, teacher: nn.Module, epochs: int) -> None:
        super().__init__()
        self.student, self.teacher, self.epochs = (
            student,
            teacher.eval().requires_grad_(False),
            epochs,
        )
        self.loss = BicKD(temperature=4.0)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        images, labels = batch
        self.teacher.eval()  # Lightning puts the whole module into training mode
        with torch.no_grad():
            teacher_logits = self.teacher(images)
        terms = self.loss.terms(
            self.student(images), teacher_logits, labels, progress=self.current_epoch / self.epochs
        )
        self.log_dict(terms)
        return torch.stack(list(terms.values())).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.student.parameters(), lr=3e-3)


def main(epochs: int = 3) -> float:
    """Distil a student of digits from a teacher that is trained first.

    Returns:
        How often the student says what the teacher says, in [0, 1].
    """
    lightning.seed_everything(0, verbose=False)
    digits = load_digits()
    images, labels = (
        torch.tensor(digits.data / 16, dtype=torch.float32),
        torch.tensor(digits.target),
    )
    loader = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True, drop_last=True)
    teacher = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimiser = torch.optim.Adam(teacher.parameters(), lr=3e-3)
    for _ in range(epochs):
        for some, their_labels in loader:
            optimiser.zero_grad()
            nn.functional.cross_entropy(teacher(some), their_labels).backward()
            optimiser.step()
    student = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
    trainer = lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Distillation(student, teacher, epochs), loader)
    with torch.no_grad():
        return (student(images).argmax(1) == teacher(images).argmax(1)).float().mean().item()


if __name__ == "__main__":
    print(f"agreement with the teacher: {main():.1%}")
