"""Distil with BicKD (a reconstruction) in Hugging Face's Trainer: `pip install
transformers accelerate`, then run this file.

The example uses two small vision transformers with random weights on scikit-learn's digits, so
nothing is downloaded. Replace them by your own teacher and student, for example
`AutoModelForImageClassification.from_pretrained(...)`.
"""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from bickd_core.losses import BicKD


class DistillationTrainer(Trainer):
    """A Trainer whose loss also uses a teacher."""

    def __init__(self, *arguments: Any, teacher: nn.Module, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.teacher = teacher.eval().to(self.args.device)
        self.distillation = BicKD(temperature=4.0)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        **options: Any,
    ) -> Any:
        outputs = model(pixel_values=inputs["pixel_values"])
        with torch.no_grad():
            teacher_logits = self.teacher(pixel_values=inputs["pixel_values"]).logits
        loss = self.distillation(outputs.logits, teacher_logits, inputs["labels"])
        return (loss, outputs) if return_outputs else loss


def vision_transformer(width: int) -> ViTForImageClassification:
    return ViTForImageClassification(
        ViTConfig(
            image_size=8,
            patch_size=2,
            num_channels=1,
            hidden_size=width,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=2 * width,
            num_labels=10,
        )
    )


def trained(
    trainer_class: type[Trainer],
    model: nn.Module,
    rows: list[dict[str, Tensor]],
    epochs: int,
    **options: Any,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            learning_rate=3e-3,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=0,
        )
        trainer_class(model=model, args=arguments, train_dataset=rows, **options).train()


def main(epochs: int = 12, images: int = 640) -> float:
    """Train a teacher, then distil a student from it.

    Returns:
        How often the student says what the teacher says, in [0, 1].
    """
    torch.manual_seed(0)
    digits = load_digits()
    pixels = torch.tensor(digits.images[:images, None] / 16, dtype=torch.float32)  # [N, 1, 8, 8]
    labels = torch.tensor(digits.target[:images])
    rows = [
        {"pixel_values": one, "labels": label} for one, label in zip(pixels, labels, strict=True)
    ]
    teacher, student = vision_transformer(32), vision_transformer(16)
    trained(Trainer, teacher, rows, epochs)
    trained(DistillationTrainer, student, rows, epochs, teacher=teacher)
    student.eval()
    with torch.no_grad():
        return (
            (student(pixels).logits.argmax(1) == teacher(pixels).logits.argmax(1))
            .float()
            .mean()
            .item()
        )


if __name__ == "__main__":
    print(f"agreement with the teacher: {main():.1%}")
