"""How well a resolver's people match the truth: pairwise and B-cubed precision and recall over identifiers.

Rules: a *truth* maps identifier -> true person, a *clustering* maps identifier -> cluster label; identifiers without a
label are clusters of their own. Recall counts only pairs that some evidence joins: identifiers of one person between
which a chain of events runs that names no stranger on the way. Nobody can find the others. B-cubed follows Bagga and
Baldwin (1998): the mean over identifiers of the precision and recall of each one's own cluster.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple


class Quality(NamedTuple):
    """Shares between 0 and 1; 1.0 where there was nothing to get wrong."""

    pairwise_precision: float
    pairwise_recall: float
    b_cubed_precision: float
    b_cubed_recall: float


def quality(clusters: Mapping[str, Hashable], truth: Mapping[str, str], observed: Iterable[tuple[str, ...]]) -> Quality:
    """Judge `clusters` against `truth`; `observed` are the identifiers named together, per event."""
    label: dict[str, Hashable] = {name: clusters.get(name, ("alone", name)) for name in truth}
    findable = joinable(truth, observed)
    both = Counter((label[name], truth[name]) for name in truth)
    found = Counter((label[name], findable[name]) for name in truth)
    cluster_sizes = Counter(label.values())
    findable_sizes = Counter(findable.values())
    total = len(truth)
    return Quality(
        pairwise_precision=_share(_pairs(both.values()), _pairs(cluster_sizes.values())),
        pairwise_recall=_share(_pairs(found.values()), _pairs(findable_sizes.values())),
        b_cubed_precision=_share(sum(n * n / cluster_sizes[cluster] for (cluster, _), n in both.items()), total),
        b_cubed_recall=_share(sum(n * n / findable_sizes[group] for (_, group), n in found.items()), total),
    )


def joinable(truth: Mapping[str, str], observed: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Identifier -> group: what is one person and hangs together by evidence that stays within that person."""
    together = (
        (first, other)
        for names in observed
        for position, first in enumerate(names)
        for other in names[position + 1 :]
        if truth[first] == truth[other]
    )
    return _components(truth, together)


def link_everything(truth: Mapping[str, str], observed: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """The naive clustering: whatever was named together is one person."""
    return _components(truth, ((names[0], other) for names in observed for other in names[1:]))


def same_phone_only(truth: Mapping[str, str], observed: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """The timid clustering: only what was named beside a phone number belongs to that number."""
    return _components(
        truth,
        (
            (phone, other)
            for names in observed
            for phone in names
            if phone.startswith("phone:")
            for other in names
            if other != phone
        ),
    )


def _components(names: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Identifier -> the representative of its connected component."""
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    for left, right in links:
        parent[root(left)] = root(right)
    return {name: root(name) for name in parent}


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
