"""A file that many processes score: what it is, how it is divided, and what came out."""

from headgate.names import DigestField
from headgate.records.codec import Part, Record


class InputFile(Part, frozen=True, kw_only=True):
    """One Parquet file of the input, as it was when somebody looked."""

    name: str
    size_bytes: int
    modified: int
    """Nanoseconds."""
    end: DigestField
    """Of the file's last bytes, where Parquet tells of all its columns."""


class Plan(Part, frozen=True, kw_only=True):
    """What is scored by what; parts of another plan are worth nothing."""

    files: tuple[InputFile, ...]
    """In the order of their rows."""
    rows: int
    model: DigestField
    code: str
    """Digest of the service's own files, its contract and features among them."""
    part_rows: int


class Partitions(Record, frozen=True, kw_only=True, tag="partitions/1"):
    """How the rows of an input are divided among processes."""

    source: str
    target: str
    plan: Plan
    shares: tuple[str, ...]
    """`K/N` each; together they are every part of the plan once."""


class ScoredShare(Record, frozen=True, kw_only=True, tag="scored-share/1"):
    """What became of the rows of one share."""

    plan: DigestField
    share: str
    rows: int
    scored: int
    resumed: int
    """Rows of parts that an earlier process had finished."""
    rejected: dict[str, int]
    """Input and kind → rows."""
    noticed: dict[str, int]
    """Input, kind and level → values that were scored all the same; none where the scores were there already."""


class WrittenFile(Part, frozen=True, kw_only=True):
    """One file that came out."""

    name: str
    size_bytes: int
    sha256: DigestField


class Scores(Record, frozen=True, kw_only=True, tag="scores/1"):
    """The manifest beside a file of scores: written last, so that all is there."""

    plan: Plan
    shares: int
    scored: int
    rejected: dict[str, int]
    noticed: dict[str, int]
    scores: WrittenFile
    rejects: WrittenFile | None
    """None where no row broke the contract."""
