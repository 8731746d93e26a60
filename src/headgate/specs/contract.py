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
    """The column must be there."""
    nulls: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Largest share of nulls."""
    min: Bound | None = None
    """Smallest value."""
    max: Bound | None = None
    """Largest value."""
    range_severity: Severity = "warning"
    """Inferred ranges only warn: next season may be hotter."""
    outside: Literal["reject", "clip", "flag"] | None = None
    """A request's number outside the range: refused, made the nearest bound, or only named in the answer; each is
    counted. None: refused where `range_severity` is error, else named."""
    categories: tuple[str, ...] | None = None
    """The words it may be; none: any."""
    unseen: Literal["error", "warning"] = "warning"
    """A category outside the list."""
    unseen_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """How many rows may be outside the list before it is said."""
    unique: bool = False
    """No value stands twice."""
    pattern: str | None = None
    """A regular expression that each text matches as a whole."""
    max_length: int | None = None
    """Longest text, in characters."""
    role: Literal["feature", "label", "time", "id", "ignore"] = "feature"
    """What the column is for: `ignore` is no feature, and no request needs it."""

    @property
    def at_the_door(self) -> Literal["reject", "clip", "flag"]:
        """Return what is done about a request's number outside the range."""
        return self.outside or ("reject" if self.range_severity == "error" else "flag")


class Contract(Spec, frozen=True, kw_only=True):
    """Columns by name, and promises about the table as a whole."""

    columns: dict[str, Column]
    min_rows: Annotated[int, Meta(ge=1)] = 1
    """Fewer rows in a part are refused."""
    unique: tuple[tuple[str, ...], ...] = ()
    """Groups of columns that are unique together."""
    extra_columns: Literal["allow", "warning", "error"] = "allow"
    """Columns that are not named here."""
