"""What a pull request would change in the clusters, as Markdown for those who merge."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import islice

MOST = 55_000
"""Characters; a forge takes some more in one comment."""
OPEN = 40
"""Lines of a difference that are shown unfolded."""
NONE = "Nothing changes in the clusters."


def markdown(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the difference of rendered services; the same for the same two, so that it is said once."""
    blocks = [block(place, before.get(place, ""), after.get(place, "")) for place in sorted({*before, *after})]
    changed = [one for one in blocks if one]
    head = f"### What would change in the clusters: {len(changed)} of {len(blocks)} services\n"
    if not changed:
        return f"{head}\n{NONE}\n"
    text, left = head, 0
    for one in changed:
        if len(text) + len(one) > MOST:
            left += 1
        else:
            text += f"\n{one}"
    return text + (f"\n{left} more do not fit here: `headgate env check --base REF` shows them.\n" if left else "")


def block(place: str, before: str, after: str) -> str:
    """Return one service's difference, folded when it is long; empty when there is none."""
    lines = list(difference(before, after))
    if not lines:
        return ""
    what = "begins" if not before.strip() else "stops being rendered" if not after.strip() else "changes"
    counted = f"{place} {what}: +{signs(lines, '+')} -{signs(lines, '-')} lines"
    fence = "`" * (3 + "\n".join(lines).count("```"))
    body = "\n".join([f"{fence}diff", *lines, fence])
    if len(lines) <= OPEN:
        return f"**{counted}**\n\n{body}\n"
    return f"<details><summary>{counted}</summary>\n\n{body}\n\n</details>\n"


def difference(before: str, after: str) -> Iterator[str]:
    return islice(difflib.unified_diff(before.splitlines(), after.splitlines(), n=3, lineterm=""), 2, None)


def signs(lines: list[str], sign: str) -> int:
    return sum(line.startswith(sign) for line in lines)
