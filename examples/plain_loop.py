"""Distil with BicKD (a reconstruction) in your own training loop: `python
examples/plain_loop.py` takes some seconds on a CPU.

You can use any two networks with logits for the same classes. Here they are two small ones on
scikit-learn's digits.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bickd_core.losses import KD, BicKD, LogitLoss


def network(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


def train(
    student: nn.Module,
    loader: DataLoader,
    epochs: int,
    loss: LogitLoss | None,
    teacher: nn.Module | None,
) -> None:
    """Train with the labels alone if there is no teacher, else with the distillation loss."""
    optimiser = torch.optim.Adam(student.parameters(), lr=3e-3)
    for _ in range(epochs):
        for images, labels in loader:
            if loss is None or teacher is None:
                value = nn.functional.cross_entropy(student(images), labels)
            else:
                with torch.no_grad():
                    teacher_logits = teacher(images)
                value = loss(student(images), teacher_logits, labels)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()


@torch.no_grad()
def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    return (model(images).argmax(1) == labels).float().mean().item()


def main(epochs: int = 15) -> dict[str, float]:
    """Train a teacher and a student by each loss.

    Returns:
        Accuracy of each model on 500 test images, in [0, 1].
    """
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images))
    test, training = order[:500], order[500:]
    loader = DataLoader(
        TensorDataset(images[training], labels[training]),
        batch_size=64,
        shuffle=True,
        drop_last=True,
    )

    teacher = network(128)
    train(teacher, loader, epochs, None, None)
    teacher.eval()
    figures = {"teacher": accuracy(teacher, images[test], labels[test])}
    for loss in (KD(temperature=4.0), BicKD(temperature=4.0)):
        student = network(16)
        train(student, loader, epochs, loss, teacher)
        figures[loss.kind] = accuracy(student, images[test], labels[test])
    return figures


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name:8s} {value:.1%}")
