"""Class hierarchy files: three ways to write one, and a sentence for every row that is wrong."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.data.hierarchy import (
    FILES,
    HierarchyError,
    bundled_hierarchy,
    read_hierarchy,
    to_csv,
)
from bickd_core.runs.library import Library

CLASSES = ("crab", "lobster", "cup, large", "bass")
WANTED = ("water", "water", "household", "water")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.csv",
            'class,superclass\nbass,water\ncrab,water\n\nlobster,water\n"cup, large",household\n',
        ),
        (
            "a.csv",
            (
                b"\xef\xbb\xbfclass;superclass\r\nbass;water\r\ncrab;water\r\nlobster;water\r\ncup,"
                b" large;household"
            ),
        ),
        (
            "a.tsv",
            "class\tsuperclass\nbass\twater\ncrab\twater\nlobster\twater\ncup, large\thousehold\n",
        ),
        ("a.json", json.dumps(dict(zip(CLASSES, WANTED, strict=True)))),
        ("a.json", json.dumps({"water": ["crab", "lobster", "bass"], "household": ["cup, large"]})),
        ("a.yaml", "water: [crab, lobster, bass]\ncup, large: household\n"),
    ],
)
def test_every_way_of_writing_gives_the_same(name, content):
    found = read_hierarchy(content, name, CLASSES)
    assert found.superclass == WANTED
    assert found.groups == ("water", "household")
    assert found.members("water") == (0, 1, 3)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.csv",
            "class,group,subgroup\ncrab,animal,crustacean\nlobster,animal,crustacean\nbass,animal\n"
            '"cup, large",thing\n',
        ),
        (
            "a.csv",
            'class,parent\ncrab,crustacean\nlobster,crustacean\nbass,animal\n"cup, large",thing\n'
            "crustacean,animal\nanimal,entity\nthing,entity\nunknown leaf,thing\n",
        ),
        (
            "a.json",
            json.dumps(
                {
                    "animal": {"crustacean": ["crab", "lobster"], "bass only": ["bass"]},
                    "thing": ["cup, large"],
                }
            ),
        ),
        (
            "a.yaml",
            "crab: crustacean\nlobster: crustacean\nbass: animal\ncup, large: thing\n"
            "crustacean: animal\n",
        ),
    ],
)
def test_groups_may_have_groups(name, content):
    found = read_hierarchy(content, name, CLASSES)
    assert found.superclass == ("animal", "animal", "thing", "animal")
    assert found.paths[0] == found.paths[1] == ("animal", "crustacean")
    assert found.levels == 2


WORDNET = """class,parent,name
n02084071,n02083346,"dog, domestic dog"
n02083346,n02075296,canine
n02075296,n00001740,carnivore
n02123045,n02120997,"tabby, tabby cat"
n02120997,n02075296,feline
n02106662,n02084071,"German shepherd, Alsatian"
n02106662,n99999999,police dog
n04254680,n03414162,soccer ball
n03414162,n00001740,game equipment
n01440764,n00001740,"tench, Tinca tinca"
n00001740,,entity
"""


@pytest.mark.parametrize(
    "names",
    [
        ("n02106662", "n02123045", "n04254680"),
        ("German_shepherd", "tabby", "soccer_ball"),
        ("German shepherd, Alsatian", "tabby, tabby cat", "soccer ball"),
        ("n02106662-German_shepherd", "n02123045 tabby", "n04254680"),
    ],
)
def test_classes_of_imagenet_are_found_by_wordnet_id_and_by_name(names):
    found = read_hierarchy(WORDNET, "wordnet.csv", names)
    assert found.paths == (("carnivore", "dog"), ("carnivore", "feline"), ("game equipment",))


def test_levels_that_change_nothing_are_left_out():
    rows = "a,all,one,x\nb,all,one,x\nc,all,two,y\n"
    found = read_hierarchy("class,group,of,of\n" + rows, "a.csv", ("a", "b", "c"))
    assert found.paths == (("x",), ("x",), ("y",))
    alone = read_hierarchy("class,superclass\na,all\nb,all\n", "a.csv", ("a", "b"))
    assert alone.paths == (("all",), ("all",))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "crab,water\n", "line 1 must read 'class,superclass', 'class,group,subgroup' or 'class,parent', got 'crab,water'."),
        ("a.csv", "", "line 1 must read"),
        ("a.csv", "class,parent\ncrab,a\nlobster,a\nbass,a\n\"cup, large\",a\na,b\nb,a\n", "line 6 puts 'a' under one of its own groups."),
        ("a.csv", "class,parent\ncrub,water\n", "4 of 4 classes have no superclass: crab,"),
        ("a.csv", "class,group,subgroup\ncrab,,shells\n", "line 2 needs a class and a superclass, got 'crab' and ''."),
        ("a.csv", "class,parent\ncrab,g0\nlobster,g0\nbass,g0\n\"cup, large\",g0\n" + "".join(f"g{i},g{i + 1}\n" for i in range(40)), "at most 32 groups, got more for 'crab'."),
        ("a.csv", "class,parent,name\nn1,a,crab\nn2,b,\"Crab, decapod\"\nlobster,a,\nbass,a,\n\"cup, large\",a,\n", "line 2 and line 3 may both be class 'crab';"),
        ("a.csv", "class,superclass\ncrub,water\n", "line 2 names class 'crub', which these models do not have; did you mean 'crab'?"),
        ("a.csv", "class,superclass\ncrab,\n", "line 2 needs a class and a superclass, got 'crab' and ''."),
        ("a.csv", "class,superclass\ncup, large,household\n", "line 2 must have two columns, got 3; quote names"),
        ("a.csv", "class,superclass\ncrab,water\ncrab,land\n", "line 3 puts 'crab' under 'land', but line 2 under 'water'."),
        ("a.csv", "class,superclass\ncrab,water\n", "3 of 4 classes have no superclass: lobster, cup, large, bass;"),
        ("a.csv", 'class,superclass\n"crab,water\n', "line 2"),
        ("a.csv", b"\xff\xfe", "must be UTF-8"),
        ("a.json", "{", "line 1 is not valid JSON"),
        ("a.json", "[1, 2]", "must map each class to its superclass, got a list"),
        ("a.json", '{"water": [1]}', "entry 'water' must hold a superclass or a list of classes, got a list."),
        ("a.json", '{"crab": ' + "9" * 5000 + "}", "cannot be read as a mapping"),
        ("a.json", "[" * 100_000, "cannot be read as a mapping"),
        ("a.yaml", "a: [b", "is not usable YAML: expected YAML, but it cannot be parsed (line 2"),
        ("a.yaml", "when: 2001-99-99", "is not usable YAML: "),
        ("a.yaml", "a: !!bool foo", "expected YAML without tags"),
        ("a.yaml", "[" * 5000, "is not usable YAML: "),
        ("a.txt", "crab water", "must end in .csv, .tsv, .json or .yaml, got 'a.txt'."),
        ("a.csv", "x" * 5_000_000, "at most 4 MB, got 4.8 MB"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_row(name, content, said):
    with pytest.raises(HierarchyError) as caught:
        read_hierarchy(content, name, CLASSES)
    assert said in str(caught.value)


def test_every_wrong_row_is_named_and_a_long_list_is_cut_in_the_message():
    rows = "".join(f"unknown{i},x\n" for i in range(20))
    with pytest.raises(HierarchyError) as caught:
        read_hierarchy("class,superclass\n" + rows, "a.csv", CLASSES)
    assert len(caught.value.problems) == 20
    assert caught.value.problems[19].startswith("line 21 ")
    assert str(caught.value).endswith("And 12 more.")


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=6),
    st.sampled_from(["a.json", "a.yaml", "a.csv"]),
)
@settings(max_examples=100)
def test_no_file_ends_in_another_error(content, name):
    with contextlib.suppress(HierarchyError):
        read_hierarchy(json.dumps(content), name, CLASSES)


@pytest.mark.parametrize("dataset", ["caltech95", "fashion-mnist"])
def test_bundled_hierarchies_fit_their_data(dataset, monkeypatch):
    from pathlib import Path

    shelf = Path(__file__).resolve().parents[2] / "pretrained"
    names = (
        Library(shelf=shelf, own=shelf).find(f"{dataset}/teacher").predictions("test").class_names
    )
    found = bundled_hierarchy(dataset, names)
    assert found is not None
    assert 3 < len(found.groups) < 20
    assert set((FILES / f"{dataset}-hierarchy.csv").read_text().splitlines()[0].split(",")) == {
        "class",
        "superclass",
    }


def test_other_classes_have_no_bundled_hierarchy():
    assert bundled_hierarchy("caltech95", CLASSES) is None
    assert bundled_hierarchy("../caltech95", CLASSES) is None
    assert bundled_hierarchy("unheard-of", CLASSES) is None


def test_the_template_names_every_class():
    lines = to_csv(CLASSES).splitlines()
    assert lines[0] == "class,superclass"
    assert lines[3] == '"cup, large",'
    with pytest.raises(HierarchyError, match="line 2 needs a class and a superclass"):
        read_hierarchy(to_csv(CLASSES), "a.csv", CLASSES)
    paths = [("water", "sea"), ("water", "sea"), ("household",), ("water",)]
    assert read_hierarchy(to_csv(CLASSES, paths), "a.csv", CLASSES).paths == tuple(paths)
