"""Is a manifest one that its API would take? By the schemas of those who serve it, and nothing that they don't name."""

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

KEPT = Path(__file__).with_name("schemas.json.gz")


@cache
def schemas() -> dict[str, Any]:
    """Return what harvest.py gathered."""
    found: dict[str, Any] = json.loads(gzip.decompress(KEPT.read_bytes()))
    return found


@cache
def validator(kind: str) -> Draft202012Validator:
    """Return the validator of `group/version/Kind`; KeyError for a kind that nobody gathered."""
    return Draft202012Validator({**schemas()["kinds"][kind], "$defs": schemas()["$defs"]})


def problems(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a manifest, with its path."""
    named = f"{manifest['kind']} {manifest['metadata'].get('name', '?')}"
    for found in validator(f"{manifest['apiVersion']}/{manifest['kind']}").iter_errors(manifest):
        error: ValidationError = best_match([found]) or found
        yield f"{named}: {error.json_path}: {error.message[:300]}"
