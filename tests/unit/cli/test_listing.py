"""The page of all settings says of each what it is."""

import pytest

from headgate.cli.listing import FILES, members, rows, settings
from headgate.specs.gate import Floor
from headgate.specs.reading import Spec

SPECS = [spec for spec, _ in FILES.values()]
RULES = [rule for spec in SPECS for rule in members(spec)]


@pytest.mark.parametrize("spec", [*SPECS, *RULES], ids=lambda spec: spec.__name__)
def test_every_setting_has_a_string_that_says_what_it_is(spec: type[Spec]) -> None:
    """Who writes the file need not read the code."""
    untold = [path for path, what, _ in rows(spec, "") if not what.partition("One of")[0].strip() and "`" not in what]

    assert [] == untold


def test_settings_inside_others_stand_with_their_path_and_default() -> None:
    """As a person writes them; words to choose from are listed."""
    page = settings()

    assert "| `split.gate` | The newest rows, which no fit ever sees" in page
    assert "| `canary.pause` | How long a step lasts at least. | `PT5M` |" in page
    assert "| `columns.NAME.type` | One of `integer`, `number`," in page
    assert "| `data.label.column` | The column that the model learns to say. | required |" in page


def test_each_kind_of_rule_has_a_table() -> None:
    """gate.rules holds any of them."""
    assert Floor in RULES
    assert "### `rule: floor`" in settings()
