"""Did candidate or champion see the gate rows? The rule `overlap`."""

from datetime import datetime, timedelta

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.records.judgement import Finding, Number
from headgate.records.model import Model
from headgate.specs.gate import NoOverlap
from headgate.specs.reading import show_duration
from headgate.wording import counted


def judge(rule: NoOverlap, case: Case) -> Finding:
    """Pass when both models' last row plus the gap is not after the gate rows' start, and no id was learned from.

    Anything else says nothing about the candidate, good or bad: inconclusive.
    """
    evaluation, gap = case.evaluation, case.spec.split.gap
    limit = f"train ends + {show_duration(gap)} <= gate start, 0 ids in common"
    numbers = (
        Number(label="rows in common", value=float(evaluation.overlap_rows)),
        Number(label="duplicate ids", value=float(evaluation.duplicate_ids)),
    )
    troubles = [*too_late(case, gap)]
    if evaluation.overlap_rows:
        troubles.append(f"{counted(evaluation.overlap_rows, 'gate row')} also among the candidate's train or tune rows")
    if troubles:
        return answer(rule, "overlap", "inconclusive", f"overlap: {'; '.join(troubles)}", limit, numbers)
    twice = f"; {counted(evaluation.duplicate_ids, 'gate row')} repeat an id" if evaluation.duplicate_ids else ""
    return answer(rule, "overlap", "pass", f"{ends(case)}no row in common{twice}", limit, numbers)


def too_late(case: Case, gap: timedelta) -> list[str]:
    """Return what is wrong with each model's end, in words."""
    window = case.evaluation.window
    if window is None:
        return []
    wrong = []
    for role, model in models(case):
        end = last_seen(model)
        if end is None:
            wrong.append(f"the {role} does not say up to when it learned")
        elif aware(end, window.start) + gap > window.start:
            wrong.append(
                f"the {role} learned up to {end:%Y-%m-%d %H:%M}, gate rows start {window.start:%Y-%m-%d %H:%M}"
            )
    return wrong


def ends(case: Case) -> str:
    if case.evaluation.window is None:
        return ""
    said = ", ".join(f"{role} {end:%d %b %Y}" for role, model in models(case) if (end := last_seen(model)))
    return f"train ends: {said}; gate starts {case.evaluation.window.start:%d %b %Y}; "


def models(case: Case) -> list[tuple[str, Model]]:
    champion = case.evaluation.champion
    return [("candidate", case.evaluation.model), *([("champion", champion)] if champion else [])]


def last_seen(model: Model) -> datetime | None:
    """Return the last event time that fit saw of either part."""
    return max((end for end in (model.train_end, model.tune_end) if end is not None), default=None)


def aware(moment: datetime, like: datetime) -> datetime:
    """Return a moment in the other's form: times without a zone mean UTC."""
    return moment.replace(tzinfo=like.tzinfo) if moment.tzinfo is None or like.tzinfo is None else moment
