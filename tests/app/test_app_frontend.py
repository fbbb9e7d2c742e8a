"""The scripts of the components: one text for each, in which no name is declared twice."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from app.components.browser_part import FRONTEND, module, source

TOP_LEVEL = re.compile(
    r"^(?:export )?(?:default )?(?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE
)
COMPONENTS = sorted(
    path.name
    for path in FRONTEND.glob("*.js")
    if re.search(r"^export default", source(path.name), re.MULTILINE)
)


def test_every_script_belongs_to_a_component():
    used = {name for name in COMPONENTS}
    for name in COMPONENTS:
        text = module(name)
        used |= {path.name for path in FRONTEND.glob("*.js") if source(path.name).splitlines()[0] in text}
    assert used == {path.name for path in FRONTEND.glob("*.js")}


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_text_of_a_component_is_whole_and_declares_each_name_once(name):
    text = module(name)
    assert not re.search(r"^import ", text, re.MULTILINE), (
        "an import in a form that `module` does not resolve"
    )
    assert len(re.findall(r"^export default", text, re.MULTILINE)) == 1
    assert [declared for declared, count in Counter(TOP_LEVEL.findall(text)).items() if count > 1] == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_script_comes_after_those_that_it_imports(name):
    text = module(name)
    seen = []
    for path in FRONTEND.glob("*.js"):
        start = source(path.name).splitlines()[0]
        assert text.count(start) <= 1
        if start in text:
            seen.append((text.index(start), path.name))
    order = [file for _, file in sorted(seen)]
    assert order[-1] == name
    for place, file in enumerate(order):
        imported = re.findall(r"from '\./(\w+\.js)';", source(file))
        assert set(imported) <= set(order[:place])
