"""contract.yaml: what the data must look like; one file for validate, GX, the server's door and drift."""

from typing import Annotated, Literal

from msgspec import Meta

from headgate.specs.reading import Spec

ColumnType = Literal["integer", "number", "string", "boolean", "datetime", "date"]
Severity = Literal["error", "warning"]
Bound = int | float


class Column(Spec, frozen=True, kw_only=True):
    """One column's promise."""

    type: ColumnType
    required: bool = True
    nulls: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Largest share of nulls."""
    min: Bound | None = None
    max: Bound | None = None
    range_severity: Severity = "warning"
    """Inferred ranges only warn: next season may be hotter."""
    categories: tuple[str, ...] | None = None
    unseen: Literal["error", "warning"] = "warning"
    """A category outside the list."""
    unseen_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """How many rows may be outside the list before it is said."""
    unique: bool = False
    pattern: str | None = None
    max_length: int | None = None
    role: Literal["feature", "label", "time", "id", "ignore"] = "feature"


class Contract(Spec, frozen=True, kw_only=True):
    """Columns by name, and promises about the table as a whole."""

    columns: dict[str, Column]
    min_rows: Annotated[int, Meta(ge=1)] = 1
    unique: tuple[tuple[str, ...], ...] = ()
    """Groups of columns that are unique together."""
    extra_columns: Literal["allow", "warning", "error"] = "allow"
