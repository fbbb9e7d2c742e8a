"""Take a picture of every page (light, dark, phone) and write docs/gallery.md: `make
screenshots`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from browser_harness import launch, serving, tab
from PIL import Image
from playwright.sync_api import sync_playwright

from app.registry import PAGES

TARGET = ROOT / "docs" / "screenshots"
WINDOWS = ((1280, "light", ""), (1280, "dark", "-dark"), (390, "light", "-phone"))
LOOKS = (("light", ""), ("dark", "-dark"), ("phone", "-phone"))
TALLEST = 6000


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    titles: dict[str, str] = {}
    with (
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "runs") as server,
    ):
        browser = launch(playwright)
        for width, scheme, suffix in WINDOWS:
            for page in PAGES:
                with tab(browser, server, width=width, scheme=scheme) as opened:
                    opened.open("" if page.default else page.path)
                    main_area = "document.querySelector('[data-testid=\"stMain\"]').scrollHeight"
                    height = min(opened.page.evaluate(main_area), TALLEST)
                    opened.page.set_viewport_size({"width": width, "height": height})
                    opened.settle()
                    opened.page.wait_for_timeout(1500)  # charts ease into their new size
                    opened.check()
                    titles[page.path] = opened.title()
                    picture = Image.open(io.BytesIO(opened.page.screenshot()), formats=("PNG",))
                    picture.convert("RGB").save(
                        TARGET / f"{page.path}{suffix}.webp", quality=80, method=6
                    )
                    print(f"{page.path}{suffix}.webp", flush=True)
    gallery(titles)


def gallery(titles: dict[str, str]) -> None:
    """Write docs/gallery.md: each page with its title."""
    lines = [
        "# Gallery\n",
        (
            "Pictures of every page after a fresh start: light and dark at 1280 px, and on a phone"
            " at 390 px. BicKD is our reconstruction from the paper's abstract. Below each name is the title that the page made from the data. `make"
            " screenshots` takes the pictures.\n"
        ),
    ]
    for page in PAGES:
        lines.append(
            f"## {page.title}\n\n{titles[page.path]}\n\n| light | dark | phone |\n|---|---|---|"
        )
        shots = [
            f"![{page.title}, {how}](screenshots/{page.path}{suffix}.webp)" for how, suffix in LOOKS
        ]
        lines.append(f"| {' | '.join(shots)} |\n")
    (TARGET.parent / "gallery.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
