"""Groups of classes, and the matrix of groups that a matrix of many classes begins with.

Groups come from a hierarchy, from the clusters of a Gram, or from neighbours in any order. A group
of many classes has groups of its own.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

MOST_CLASSES = 200
"""Up to this many classes, a matrix shows each class. With more, it shows groups of them."""
MOST_GROUPS = 40
FEWEST_GROUPS = 8
"""A hierarchy's broad groups are replaced by their own groups until there are this many."""
MOST_BLOCKS = 30
"""Up to this many groups, lines are drawn between them."""
EVERYTHING, GROUPS = "all classes", "groups of classes"


@dataclass(frozen=True)
class Group:
    """Some classes under one name.

    Attributes:
        name: one that no other group of the tree has.
        members: the classes in the order shown.
        parts: groups that hold all members between them, in the order shown; () for a group that is
            always shown class by class.
    """

    name: str
    members: tuple[int, ...]
    parts: tuple[Group, ...] = ()

    def walk(self) -> Iterator[tuple[Group, Group]]:
        """Every group below this one, each with the group that holds it, in the order shown."""
        for part in self.parts:
            yield part, self
            yield from part.walk()

    def find(self, name: str) -> Group | None:
        """The group with this name."""
        return next((group for group, _ in self.walk() if group.name == name), None)

    def above(self, name: str) -> Group:
        """The group whose part has this name; this group if there is none."""
        return next((above for group, above in self.walk() if group.name == name), self)

    def holding(self, c: int) -> Group:
        """The smallest group that has class `c`: opened, it shows the class."""
        for part in self.parts:
            if c in part.members:
                return part.holding(c)
        return self


# -- trees of groups -------------------------------------------------------------------------------
def by_paths(
    paths: Sequence[Sequence[str]], class_names: Sequence[str], order: np.ndarray
) -> Group:
    """Groups from a hierarchy.

    The largest of few broad groups are replaced by their own groups. A group of more than
    `MOST_CLASSES` classes has parts.

    Args:
        paths: the groups of each class, the broadest first, C entries.
        class_names: [C].
        order: [C] order to keep inside a group.

    >>> paths, names = [("animal",), ("tool",), ("animal",)], ["cat", "saw", "dog"]
    >>> root = by_paths(paths, names, np.array([2, 1, 0]))
    >>> [(group.name, group.members) for group in root.parts]
    [('animal', (2, 0)), ('tool', (1,))]
    """
    prefixes = {tuple(path[: k + 1]) for path in paths for k in range(len(path))}
    counts = Counter(prefix[-1] for prefix in prefixes)

    def node(path: tuple[str, ...], members: Sequence[int]) -> Group:
        """The group with this path, with all its groups."""
        below: dict[str | None, list[int]] = {}
        for c in members:
            below.setdefault(paths[c][len(path)] if len(paths[c]) > len(path) else None, []).append(
                c
            )
        parts = []
        for word, classes in below.items():
            if word is not None:
                parts.append(node((*path, word), classes))
            elif len(below) > 1:  # classes beside groups
                rest = class_names[classes[0]] if len(classes) == 1 else f"other {path[-1]}"
                parts.append(Group(rest, tuple(classes)))
        name = " / ".join(path if counts[path[-1]] > 1 else path[-1:]) if path else EVERYTHING
        ordered = [c for part in parts for c in part.members]
        return Group(name, tuple(ordered or members), tuple(parts))

    def shown(group: Group) -> Group:
        """The group with the parts that a matrix shows."""
        if len(group.members) <= MOST_CLASSES:
            return replace(group, parts=())
        if not group.parts:
            return replace(group, parts=_runs(np.array(group.members), None, class_names))
        return replace(group, parts=tuple(map(shown, _spread(group.parts))))

    root = node((), order.tolist())
    return _unique_names(replace(root, parts=tuple(map(shown, _spread(root.parts)))))


def _spread(parts: tuple[Group, ...]) -> tuple[Group, ...]:
    """Replace the largest of few groups by their parts."""
    while len(parts) < FEWEST_GROUPS:
        room = MOST_GROUPS - len(parts)
        sizes = [len(part.members) if 1 < len(part.parts) <= room else 0 for part in parts]
        largest = int(np.argmax(sizes))
        if not sizes[largest]:
            break
        parts = (*parts[:largest], *parts[largest].parts, *parts[largest + 1 :])
    return parts


def by_clusters(
    gram: np.ndarray, empty: np.ndarray, class_names: Sequence[str], order: np.ndarray
) -> Group:
    """Groups of neighbours in cluster order, separated where the dendrogram joins them last.

    No group is more than four times as large as another, so a class that resembles no other stays
    with its neighbours. There are about as many groups as classes in a group.

    Args:
        gram: [C, C] the Gram of `cluster_order`.
        empty: [C] bool, classes with a near-zero column. They are a group of their own, the last.
        class_names: [C].
        order: [C] result of `cluster_order`.
    """
    used, never = order[~empty[order]], order[empty[order]]
    parts = _runs(used, _joining(gram, used), class_names)
    if len(never):
        parts = (*parts, _run(never, None, class_names))
    return _unique_names(Group(EVERYTHING, tuple(order.tolist()), parts))


def by_neighbours(class_names: Sequence[str], order: np.ndarray) -> Group:
    """Groups of about equal size, of neighbours in this order."""
    return _unique_names(Group(EVERYTHING, tuple(order.tolist()), _runs(order, None, class_names)))


def _joining(gram: np.ndarray, order: np.ndarray) -> np.ndarray | None:
    """The height at which the dendrogram joins two neighbours, [C - 1]."""
    if len(order) < 3:
        return None
    # here, because loading it takes longer than most pages need
    from scipy.cluster.hierarchy import linkage

    part = np.asarray(gram, dtype=np.float64)[np.ix_(order, order)]
    distance = np.clip(1.0 - (part + part.T) / 2, 0.0, None)
    tree = linkage(distance[np.triu_indices(len(order), 1)], method="average")
    count = len(order)
    first, size = np.arange(2 * count - 1), np.ones(2 * count - 1, dtype=np.int64)
    heights = np.zeros(count - 1)
    for k, (a, b, height, _) in enumerate(tree, count):
        left, right = sorted((int(a), int(b)), key=lambda node: first[node])
        first[k], size[k] = first[left], size[left] + size[right]
        heights[first[right] - 1] = height
    return heights


def _runs(
    order: np.ndarray, heights: np.ndarray | None, class_names: Sequence[str]
) -> tuple[Group, ...]:
    """Divide the classes into runs of neighbours."""
    count = min(max(2, round(len(order) ** 0.5)), MOST_GROUPS, len(order))
    edges = _edges(heights, len(order), count)
    return tuple(
        _run(order[a:b], None if heights is None else heights[a : b - 1], class_names)
        for a, b in itertools.pairwise(edges)
    )


def _run(order: np.ndarray, heights: np.ndarray | None, class_names: Sequence[str]) -> Group:
    names = [class_names[order[0]], class_names[order[-1]]]
    name = names[0] if len(order) == 1 else f"{names[0]} to {names[1]} ({len(order)})"
    parts = _runs(order, heights, class_names) if len(order) > MOST_CLASSES else ()
    return Group(name, tuple(order.tolist()), parts)


def _edges(heights: np.ndarray | None, n: int, count: int) -> list[int]:
    """The ends of `count` runs of `n` neighbours: 0, ..., n.

    The longest run is divided at its highest join in its middle half, so no run is more than four
    times as long as another. Without heights, all have the same length.
    """
    if not n:
        return []
    if heights is None:
        return np.linspace(0, n, count + 1).round().astype(int).tolist()
    edges = [0, n]
    while len(edges) <= count:
        k = int(np.argmax(np.diff(edges)))
        least = -(-(edges[k + 1] - edges[k]) // 4)
        low, high = edges[k] + least, edges[k + 1] - least
        edges.insert(k + 1, low + int(np.argmax(heights[low - 1 : high])))
    return edges


def _unique_names(root: Group) -> Group:
    """Number the names that several groups have."""
    counts = Counter(group.name for group, _ in root.walk())
    seen = Counter[str]()

    def named(group: Group) -> Group:
        name = group.name
        if counts[name] > 1:
            seen[name] += 1
            name = f"{name} [{seen[name]}]"
        return replace(group, name=name, parts=tuple(map(named, group.parts)))

    return replace(root, parts=tuple(map(named, root.parts)))


# -- what a matrix shows ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Part:
    """What a matrix shows.

    Attributes:
        names: of the opened groups; () for what a matrix begins with.
        members: the classes, in the order shown.
        groups: the groups whose means are shown; () to show each class.
        blocks: name and size of neighbouring classes that belong together.
    """

    names: tuple[str, ...]
    members: tuple[int, ...]
    groups: tuple[Group, ...] = ()
    blocks: tuple[tuple[str, int], ...] = ()

    def places(self, pair: tuple[int, int] | None) -> tuple[int, int] | None:
        """The rows of two classes; None if one of them is not shown."""
        if pair is None:
            return None
        rows = [group.members for group in self.groups] or [(c,) for c in self.members]
        first, second = (next((i for i, each in enumerate(rows) if c in each), -1) for c in pair)
        return None if min(first, second) < 0 else (first, second)


def part_of(
    root: Group, names: tuple[str, ...], *, parted: bool = False, most: int = MOST_CLASSES
) -> Part:
    """Return the part with the names of one or two groups, or `GROUPS`. With unknown names it is
    what a matrix begins with.

    Args:
        root: all classes.
        names: the opened groups.
        parted: whether lines part the groups of all classes. They always part two opened groups.
        most: a matrix with more classes shows groups, if there are any.
    """
    if names == (GROUPS,):
        return Part(names, root.members, root.parts)
    opened = [group for name in names if (group := root.find(name)) is not None]
    if not opened or len(opened) < len(names):
        names, opened = (), [root]
    members = tuple(dict.fromkeys(c for group in opened for c in group.members))
    if len(members) > most and any(group.parts for group in opened):
        inside = dict.fromkeys(part for group in opened for part in (group.parts or (group,)))
        return Part(names, members, tuple(inside))
    shown = opened if opened != [root] else root.parts if parted else ()
    blocks = tuple((group.name, len(group.members)) for group in shown)
    return Part(names, members, (), blocks if 1 < len(blocks) <= MOST_BLOCKS else ())


# -- matrices of groups ----------------------------------------------------------------------------
@dataclass(frozen=True)
class GroupMatrix:
    """A matrix of groups.

    Attributes:
        values: [S, S]; NaN where there is no pair of classes, or no sample to take a share of.
        pairs: [S, S] the number of pairs of classes behind each value.
    """

    values: np.ndarray
    pairs: np.ndarray


def group_matrix(
    values: np.ndarray,
    groups: Sequence[Group],
    empty: np.ndarray | None = None,
    *,
    ordered: bool = False,
    per_row: np.ndarray | None = None,
    total: bool = False,
) -> GroupMatrix:
    """The mean of a matrix over the pairs of classes from two groups. A class is never paired with
    itself.

    Args:
        values: [C, C].
        groups: S of them.
        empty: [C] bool, classes that take no part. Their values may be NaN.
        ordered: whether (c, d) and (d, c) are two pairs. They are not in a symmetric matrix.
        total: the sum, for counts.
        per_row: [C] of each row class; the sum is divided by the sum of these over the row's group,
            as shares of its samples are.

    >>> gram = np.array([[1.0, 0.2, 0.4], [0.2, 1.0, 0.6], [0.4, 0.6, 1.0]])
    >>> found = group_matrix(gram, [Group("ab", (0, 1)), Group("c", (2,))])
    >>> found.values.round(3).tolist(), found.pairs.tolist()
    ([[0.2, 0.5], [0.5, nan]], [[1, 2], [2, 0]])
    """
    values = np.asarray(values)
    member = np.zeros((len(groups), len(values)), dtype=np.result_type(values, np.float32))
    for s, group in enumerate(groups):
        member[s, list(group.members)] = 1
    if empty is not None:
        member[:, empty] = 0
        values = np.where(empty[:, None] | empty, 0, values)
    sizes = member.sum(axis=1).astype(np.int64)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    sums = member @ values @ member.T
    own = member @ np.diag(values)
    sums[np.diag_indices(len(groups))] -= own
    if per_row is not None:
        samples = (member @ per_row)[:, None]
        shown = np.where(samples > 0, sums / np.maximum(samples, 1), np.nan)
    else:
        shown = sums if total else sums / np.maximum(pairs, 1)
    found = np.where(pairs > 0, shown, np.nan)
    if not ordered:
        pairs = pairs - np.diag(np.diag(pairs) // 2)
    return GroupMatrix(found, pairs)
