"""LightGBM's text, looked through before LightGBM does: it follows sizes and indices without asking, and crashes."""

import re
from collections.abc import Mapping, Sequence

from headgate.errors import PermanentError

END = b"end of trees"
TAIL = re.compile(rb"\nparameters:(\n\[\w+: [^\n]*\])*\s*\nend of parameters\n")
A_LEAF = (b"leaf_value", b"leaf_weight", b"leaf_count")
A_NODE = (b"split_gain", b"threshold", b"internal_value", b"internal_weight", b"internal_count")
"""Lines with a number for each leaf, and for each node."""
CATEGORICAL = 1
"""The bit of a decision that asks for categories."""
Lines = Mapping[bytes, bytes]


def check(content: bytes) -> None:
    """Refuse a text that is cut short, or whose trees point at what is not there; its numbers may be any."""
    try:
        head, _, rest = content.partition(b"\n\n")
        header = lines(head)
        features, sizes = heading(header), whole(header[b"tree_sizes"]) if b"tree_sizes" in header else []
        expect(len(sizes) % int(header[b"num_tree_per_iteration"]) == 0)
        at = 0
        rest = rest.lstrip(b"\n")
        for number, size in enumerate(sizes):
            tree = rest[at : at + size]
            expect(size > 0 and tree.startswith(b"Tree=%d\n" % number))
            expect(all(b"=" in line for line in tree.strip().split(b"\n")))
            walk(lines(tree), features)
            at += size
        expect(rest[at:].startswith(END) and TAIL.search(rest, at) is not None)
    except (ArithmeticError, KeyError, ValueError) as err:
        raise PermanentError(
            "the text of the LightGBM model is cut short or damaged", next_step="write it again with Booster.save_model"
        ) from err


def heading(header: Lines) -> int:
    """Return how many features there are, once all that counts them agrees."""
    features = int(header[b"max_feature_idx"]) + 1
    classes, each = int(header[b"num_class"]), int(header[b"num_tree_per_iteration"])
    expect(features > 0 and classes == each > 0)
    expect(len(header[b"feature_names"].split(b" ")) == len(header[b"feature_infos"].split(b" ")) == features)
    return features


def walk(tree: Lines, features: int) -> None:
    """Refuse a tree whose nodes lead nowhere, in a circle, or ask for a feature or category that is not there."""
    expect(not any(b"_" in numbers for numbers in tree.values()))  # Python reads 1_000, and LightGBM aborts at it
    leaves, categories = int(tree[b"num_leaves"]), int(tree[b"num_cat"])
    expect(leaves > 0 and int(tree.get(b"is_linear", b"0")) in {0, 1} and abs(float(tree[b"shrinkage"])) >= 0)
    for name, count in (*((name, leaves) for name in A_LEAF), *((name, leaves - 1) for name in A_NODE)):
        numbers = [float(number) for number in tree.get(name, b"").split()]
        expect(len(numbers) == count or (not numbers and name not in (b"leaf_value", b"threshold")) or leaves == 1)
    if leaves == 1:
        return
    asked, kinds, thresholds = whole(tree[b"split_feature"]), whole(tree[b"decision_type"]), tree[b"threshold"].split()
    expect(len(asked) == len(kinds) == len(thresholds) == leaves - 1)
    expect(all(0 <= feature < features for feature in asked))
    for name in (b"left_child", b"right_child"):
        children = whole(tree[name])
        expect(len(children) == leaves - 1)
        expect(all(place < child < leaves - 1 or -leaves <= child < 0 for place, child in enumerate(children)))
    limits = bounds(tree, categories)
    for kind, threshold in zip(kinds, thresholds, strict=True):
        value = float(threshold)
        expect(0 <= kind < 16 and not (kind & CATEGORICAL and not 0 <= value < len(limits) - 1))


def bounds(tree: Lines, categories: int) -> Sequence[int]:
    """Return where each categorical decision's bits begin and end."""
    if not categories:
        return [0]
    found = whole(tree[b"cat_boundaries"])
    expect(len(found) == categories + 1 and found[0] == 0 and found == sorted(found))
    expect(found[-1] == len(whole(tree[b"cat_threshold"])))
    return found


def lines(text: bytes) -> Lines:
    return dict(line.split(b"=", 1) for line in text.splitlines() if b"=" in line)


def whole(numbers: bytes) -> list[int]:
    return [int(number) for number in numbers.split()]


def expect(promise: bool) -> None:
    if not promise:
        raise ValueError
