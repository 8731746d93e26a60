"""Parquet to a Parquet file of scores: the server's numbers, one part in memory at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from headgate.errors import HeadgateError, PermanentError
from headgate.models.loading import Predictions
from headgate.models.signature import Signature
from headgate.names import Digest
from headgate.records.scoring import Plan, Scores
from headgate.score.admission import ROW, Admission, admit, inputs_in
from headgate.score.manifest import finish, finished
from headgate.score.parts import Part, Parts, rejects_beside
from headgate.score.plan import WHOLE, Share, files_of, looked_again, plan_of, refuse_changed, refuse_same
from headgate.score.trouble import speaking_polars
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor, metadata_of

PART_ROWS = 131_072
"""What a kill costs at most, and what is in memory at a time."""
MODEL, LABEL = "model", "label"

Advance = Callable[[int, int], None]
"""Told how many rows the file has, and how many are done since it was last told."""


@dataclass
class Scored:
    """What became of a file's rows."""

    rows: int
    """Of the file, or of the share."""
    scored: int = 0
    resumed: int = 0
    """Rows of parts that an earlier run had finished."""
    rejected: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    was_there: bool = False
    """The scores were there, whole and of the same plan: nothing was scored."""

    def add(self, part: Part) -> None:
        self.scored += part.scored
        self.rejected.update(part.rejected)
        self.noticed.update(part.noticed)


def score(
    source: Path,
    target: Path,
    predictor: Predictor,
    code: str,
    *,
    strict: bool = False,
    part_rows: int = PART_ROWS,
    share: Share = WHOLE,
    planned: Plan | None = None,
    advance: Advance = lambda _rows, _done: None,
) -> Scored:
    """Score every row that the door lets in, in the file's order, and say what became of the others.

    A killed run goes on where it ended, as long as file, model and the service's own code are the same; one that ended
    well is found by its manifest. `target` appears whole, at the end. `strict`: the first row that breaks the contract
    ends it, and nothing appears. `share`: only these parts; nothing appears until a run for the whole file, which takes
    up what shares have done. `planned`: refuse any other input, model and code than this plan's, and leave the file to
    `gather`.
    """
    rows, names, plan = opened(
        source, target, predictor.door, model=predictor.loaded.sha256, code=code, part_rows=part_rows
    )
    if planned is not None:
        refuse_changed(source, planned, plan)
    parts = Parts(target, plan)
    if (before := finished(parts)) is not None:
        return found_whole(source, parts, before, share, strict=strict)
    found, made = Scored(rows=parts.rows_of(share)), []
    with parts.held(share):
        for number in parts.numbers(share):
            first, height = number * part_rows, parts.height(number)
            part = parts.done(number)
            if part is not None:
                found.resumed += height
            else:
                with reading(source, plan):
                    batch = rows.select(names).slice(first, height).collect(engine="streaming")
                part = score_part(batch, first, predictor, parts, number, strict=strict)
            if strict and part.rejected:
                raise refused_strictly(source, part.rejected)
            found.add(part)
            made.append(part)
            advance(found.rows, height)
        refuse_changed(source, plan, looked_again(source, plan))
        if share == WHOLE and planned is None:
            finish(parts, made, shares=1)
    return found


def found_whole(source: Path, parts: Parts, before: Scores, share: Share, *, strict: bool) -> Scored:
    """Return what became of the rows when the scores were made; of one share among many, what its rejects tell."""
    rows = parts.rows_of(share)
    rejected, noticed = Counter(before.rejected), Counter(before.noticed)
    if share.among > 1:
        rejected, noticed = rejected_of(parts, before, share), Counter()
    if strict and rejected:
        raise refused_strictly(source, rejected)
    scored = rows - rejected.total()
    return Scored(rows, scored, resumed=rows, rejected=rejected, noticed=noticed, was_there=True)


def rejected_of(parts: Parts, before: Scores, share: Share) -> Counter[str]:
    if before.rejects is None:
        return Counter()
    numbers = parts.numbers(share)
    ours = pl.col(ROW).is_between(numbers.start * parts.plan.part_rows, numbers.stop * parts.plan.part_rows, "left")
    path = rejects_beside(parts.target)
    with reading(path):
        kinds = pl.scan_parquet(path, glob=False).filter(ours).group_by("input", "kind").len().collect().rows()
    return Counter({f"{name} {kind}": count for name, kind, count in kinds})


def opened(
    source: Path, target: Path, door: Door, *, model: Digest, code: str, part_rows: int
) -> tuple[pl.LazyFrame, tuple[str, ...], Plan]:
    """Return an input's rows, the columns that are read, and the plan; refuse what cannot be scored."""
    refuse_same(source, target)
    rows = scan(source)
    names = inputs_in(rows.collect_schema(), door)
    return rows, names, plan_of(source, count(rows), model, code, part_rows)


def scan(source: Path) -> pl.LazyFrame:
    """Return the rows of a Parquet file, or of a folder's by name; not yet read."""
    paths = files_of(source)
    if not paths or not all(path.is_file() for path in paths):
        what = "no Parquet file in" if source.is_dir() else "no file"
        raise PermanentError(f"{what} {str(source)!r}", next_step="give a Parquet file, or a folder of some")
    rows = pl.scan_parquet(paths, glob=False)
    with reading(source):
        rows.collect_schema()
        count(rows)
    return rows


@contextmanager
def reading(source: Path, plan: Plan | None = None) -> Iterator[None]:
    """Turn what polars says of a file that it cannot read into our words; one that changed meanwhile is called that."""
    try:
        with speaking_polars(f"read {str(source)!r}"):
            yield
    except pl.exceptions.PolarsError as err:
        if plan is not None:
            refuse_changed(source, plan, looked_again(source, plan))
        what = f"a file of {str(source)!r}" if source.is_dir() else f"file {str(source)!r}"
        raise PermanentError(
            f"{what} is no Parquet file{' like the first one' * source.is_dir()}: {str(err).splitlines()[0][:200]}",
            next_step="write it as Parquet",
        ) from err


def count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect().item())


def score_part(
    batch: pl.DataFrame, first: int, predictor: Predictor, parts: Parts, number: int, *, strict: bool
) -> Part:
    admitted = admit(batch, first, predictor.door)
    if strict and admitted.rejected.height:
        raise refused(admitted)
    noticed: Counter[str] = Counter()
    for notice in admitted.notices:
        noticed[f"{notice.input} {notice.kind} {notice.level}"] += notice.values
    scores = scored_rows(admitted, predict(admitted.rows, first, predictor), predictor)
    return parts.keep(number, scores, admitted.rejected, dict(noticed))


def predict(rows: pl.DataFrame, first: int, predictor: Predictor) -> Predictions:
    """Return the scores of a part; an error says where in the file it is."""
    if rows.is_empty():  # a function of the owner's need not know what to make of none
        loaded = predictor.loaded
        return loaded.predict_matrix(np.empty((0, len(loaded.signature.features)), dtype=np.float32))
    try:
        return predictor.predict(rows)
    except HeadgateError as err:
        err.add_note(f"in the {rows.height:,} rows from row {first:,} on")
        raise


def scored_rows(admitted: Admission, scores: Predictions, predictor: Predictor) -> pl.DataFrame:
    """Return the ids, the scores and the model's digest; without data.id a row is known by its number."""
    ids = admitted.rows.select(predictor.spec.data.id) if predictor.spec.data.id else pl.DataFrame([admitted.places])
    made = [*ids, *columns_of(scores, predictor.loaded.signature)]
    sha256 = str(predictor.loaded.sha256)
    return pl.DataFrame(made).with_columns(pl.lit(sha256).alias(MODEL))


def columns_of(scores: Predictions, signature: Signature) -> list[pl.Series]:
    """Return the scores by the names of the server's outputs; multiclass: one column a class, and the label."""
    name = metadata_of(signature)[0].name
    if signature.task != "multiclass":
        return [pl.Series(name, scores)]
    columns = [pl.Series(f"{name}.{each}", scores[:, place]) for place, each in enumerate(signature.classes)]
    best = [signature.classes[place] for place in scores.argmax(axis=1)]
    return [*columns, pl.Series(LABEL, best, pl.String)]


def refused(admitted: Admission) -> PermanentError:
    row, name, _, reason = admitted.rejected.row(0)
    return PermanentError(
        f"row {row:,} breaks the contract: input {name!r} {reason}",
        found=f"{admitted.rejected.height:,} such rows in this part",
        next_step="mend the rows; or leave --strict out: they are listed in a file of their own",
    )


def refused_strictly(source: Path, rejected: Mapping[str, int]) -> PermanentError:
    counts = ", ".join(f"{name}: {count:,}" for name, count in sorted(rejected.items()))
    return PermanentError(
        f"rows of {str(source)!r} break the contract",
        found=counts,
        next_step="mend the rows; or leave --strict out: they are listed in a file of their own",
    )
