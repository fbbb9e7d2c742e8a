"""The losses in the browser against those of training, on many random batches: the JavaScript runs
under node, or in Chromium where there is no node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from bickd_core import losses

SOURCE = Path(__file__).resolve().parents[2] / "app" / "components" / "frontend" / "losses.js"
TWINS = {"kd": losses.kd, "bickdSample": losses.bickd_sample, "bickdClass": losses.bickd_class}
RUN = """
const answers = cases.map(({student, teacher, labels, T, tau}) => ({
  kd: kd(student, teacher, T),
  bickdSample: bickdSample(student, teacher, labels, T, tau),
  bickdClass: bickdClass(student, teacher, T, tau),
  rows: rowCosines(student, teacher, T),
  columns: columnCosines(student, teacher, T),
}));
"""


def random_cases() -> list[dict]:
    rng = np.random.default_rng(0)
    cases = []
    for k in range(200):
        shape = (int(rng.integers(1, 8)), int(rng.integers(2, 6)))
        spread = (0.1, 3.0, 40.0, 2000.0)[k % 4]
        cases.append(
            {
                "student": rng.normal(0, spread, shape).tolist(),
                "teacher": rng.normal(0, spread, shape).tolist(),
                "labels": rng.integers(0, shape[1], shape[0]).tolist(),
                "T": float(rng.choice([0.5, 1.0, 4.0, 10.0])),
                "tau": float(rng.choice([0.1, 0.2, 1.0])),
            }
        )
    return cases


def by_node(cases: list[dict], tmp_path: Path) -> list[dict]:
    script = tmp_path / "twin.mjs"
    script.write_text(
        f"{SOURCE.read_text()}\nconst cases ="
        f" {json.dumps(cases)};\n{RUN}\nconsole.log(JSON.stringify(answers));"
    )
    done = subprocess.run(
        ["node", str(script)], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def by_chromium(cases: list[dict]) -> list[dict]:
    from playwright.sync_api import sync_playwright

    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if path is None:
        pytest.skip("neither node nor Chromium was found")
    plain = SOURCE.read_text().replace("export ", "")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--headless", "--no-sandbox"]
        )
        try:
            return browser.new_page().evaluate(
                f"cases => {{ {plain}\n{RUN}\nreturn answers; }}", cases
            )
        finally:
            browser.close()


@pytest.fixture(scope="module", params=["node", "chromium"])
def answered(request, tmp_path_factory) -> tuple[list[dict], list[dict]]:
    cases = random_cases()
    if request.param == "node":
        if shutil.which("node") is None:
            pytest.skip("node is not installed; Chromium runs the same cases")
        return cases, by_node(cases, tmp_path_factory.mktemp("twin"))
    return cases, by_chromium(cases)


@pytest.mark.parametrize("name", TWINS)
def test_values_and_gradients_are_those_of_training(answered, name):
    for case, answer in zip(*answered, strict=True):
        z = torch.tensor(case["student"], dtype=torch.float64, requires_grad=True)
        extra = {} if name == "kd" else {"tau": case["tau"]}
        if name == "bickdSample":
            extra["labels"] = torch.tensor(case["labels"])
        value = TWINS[name](
            z, torch.tensor(case["teacher"], dtype=torch.float64), temperature=case["T"], **extra
        )
        value.backward()
        assert answer[name]["value"] == pytest.approx(value.item(), rel=1e-9, abs=1e-10)
        np.testing.assert_allclose(answer[name]["gradient"], z.grad.numpy(), rtol=1e-6, atol=1e-9)


def test_cosines_are_those_of_rows_and_columns(answered):
    for case, answer in zip(*answered, strict=True):
        P, Q = (
            torch.softmax(torch.tensor(case[who], dtype=torch.float64) / case["T"], dim=1).numpy()
            for who in ("student", "teacher")
        )
        for found, a, b in ((answer["rows"], P, Q), (answer["columns"], P.T, Q.T)):
            lengths = np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
            sound = lengths > 1e-12  # where the plain quotient itself can be had
            np.testing.assert_allclose(
                np.array(found)[sound], (a @ b.T)[sound] / lengths[sound], rtol=1e-7, atol=1e-9
            )
