"""The report's decisions: canaries, verdicts, refusals, pull requests, Git."""

import re
from collections.abc import Sequence

from headgate.names import short
from headgate.propose.evidence import leading
from headgate.records.judgement import Finding
from headgate.records.live import Analysis
from headgate.records.story import RefusalNote, SplitNote, Story, VerdictNote
from headgate.show.page import markdown, plots
from headgate.show.page.markup import Markup, element, folded, joined, table
from headgate.wording import day, interval, number, percent

BODIES_LIMIT = 100_000
"""Characters of all pull requests together: the page stays small enough to send."""
REFS = re.compile(r"\(([^()]*)\)")
NODE = re.compile(r"^([*|/\\_ ]+)([0-9a-f]{7,40})? ?(.*)$")


def canaries(story: Story) -> Markup:
    """Return each canary: how traffic was split, what was asked, what was counted."""
    commits = dict.fromkeys(one.commit for one in story.analyses)
    if not commits:
        return element("p", "No canary was judged.")
    return joined(canary(story, commit) for commit in commits)


def canary(story: Story, commit: str) -> Markup:
    found = [one for one in story.analyses if one.commit == commit]
    failed = any(one.outcome == "fail" for one in found)
    steps = " → ".join(f"{one.weight} %" for one in found)
    badge = element("span", "aborted" if failed else "promoted", class_=f"badge {'bad' if failed else 'good'}")
    heading = element("h3", "Canary of ", element("code", short(found[0].revision.model)), f" at {steps} ", badge)
    looks = [one for one in story.looks if one.commit == commit]
    questions = dict.fromkeys(one.question for one in looks)
    drawn = [(name, plot) for name in questions if (plot := plots.course(looks, name))]
    figures = [course_of(name, plot) for name, plot in drawn]
    settings = element("p", "serving settings ", element("code", short(found[0].revision.settings)), class_="soft")
    course = joined(figures) if failed else folded("Its course, look by look", *figures) if figures else None
    return joined([heading, settings, split(story.split, found), answers(found), course])


def course_of(question: str, plot: Markup) -> Markup:
    """Return a question's plot under its words."""
    words = f"{question}: share of bad answers at each look with its anytime bounds; dashed, the limit"
    return element("figure", element("figcaption", words), element("div", plot, class_="wide", tabindex="0"))


def split(notes: Sequence[SplitNote], found: Sequence[Analysis]) -> Markup:
    """Return asked and measured weights; a canary of settings alone is measured by its analysis."""
    rows = []
    for one in found:
        note = next((n for n in notes if n.commit == one.commit and round(n.weight * 100) == one.weight), None)
        total = one.canary_requests + one.stable_requests
        by_analysis = f"{one.canary_requests / total:.2%}" if total else "-"
        rows.append(
            (
                f"{one.weight} %",
                f"{note.measured:.2%}" if note else "same model on both tracks",
                f"{note.requests:,}" if note else "-",
                f"{by_analysis} of {total:,}",
                day(one.started_at),
                day(one.ended_at),
            )
        )
    heads = ("asked", "measured by the client", "its requests", "when judged", "from", "to")
    return table(heads, rows, caption="Traffic split")


def answers(found: Sequence[Analysis]) -> Markup:
    """Return what was asked at each weight, and what was counted."""
    rows = [
        (
            f"{analysis.weight} %",
            one.question,
            outcome(one.outcome),
            f"{one.bad:,} of {one.requests:,}",
            f"{percent(one.share)} {interval(one.low, one.high)}",
            percent(one.limit),
            percent(one.stable_share),
            one.detail,
        )
        for analysis in found
        for one in analysis.answers
    ]
    heads = ("weight", "question", "", "bad answers", "share, anytime bounds", "limit", "stable", "in words")
    return table(heads, rows, caption="Questions asked of the canary")


def outcome(words: str) -> Markup:
    """Return an outcome as a coloured word."""
    tone = {"pass": "good", "fail": "bad", "error": "bad", "refused": "bad"}.get(words, "warn")
    return element("span", words.replace("_", " "), class_=f"badge {tone}")


def verdicts(story: Story) -> Markup:
    """Return what the gate found of each candidate."""
    if not story.verdicts:
        return element("p", "Nothing was judged.")
    return joined(verdict(one) for one in story.verdicts)


def verdict(one: VerdictNote) -> Markup:
    found = leading(one.findings)
    became = f"pull request #{one.pull_request}" if one.pull_request else "not proposed"
    head = joined([outcome(one.outcome), " ", element("code", short(one.model)), f" {found}, {became}"])
    window = f"{day(one.gate.start)} … {day(one.gate.end)}" if one.gate else "no event time"
    against = f"champion {short(one.champion)}" if one.champion else "no champion"
    facts = (
        f"Gate rows {window}: {one.gate_rows:,}; train ends {day(one.train_end)}; {against}; "
        f"look {one.look}, level {number(one.alpha)}; policy {one.policy}; judged {day(one.judged_at)}."
    )
    rows = [(item.rule, result(item), item.limit, item.reason) for item in one.findings]
    heads = ("rule", "", "asks", "found")
    inside = table(heads, rows, caption=f"Findings on {short(one.model)}")
    return folded(head, element("p", facts, class_="soft"), inside, open_=one.outcome != "pass")


def result(one: Finding) -> Markup:
    if one.severity == "warning" and one.outcome != "pass":
        return element("span", f"{one.outcome}, warning only", class_="badge warn")
    return outcome(one.outcome)


def refusals(story: Story) -> Markup:
    """Return what was stopped, by whom, and why."""
    if not story.refusals:
        return element("p", "Nothing was refused.")
    return element("ul", *(refusal(one) for one in story.refusals), class_="refusals")


def refusal(one: RefusalNote) -> Markup:
    head = element("p", outcome(one.outcome), f" by {one.by}, {day(one.event_time)}: ", element("code", one.what))
    why: Markup = element("p", one.reason)
    if one.checks:
        rows = [(item.column or "-", item.name, f"{item.rows:,}", item.detail) for item in one.checks]
        why = table(("column", "check", "rows", "found"), rows, caption="Checks that failed")
    after = element("p", "next: ", element("code", one.next_step.strip("`")), class_="soft") if one.next_step else None
    return element("li", head, why, after)


def bodies(story: Story) -> Markup:
    """Return each pull request as its reviewer read it, the newest ones whole."""
    parts, room = [], BODIES_LIMIT
    for name, text in sorted(story.bodies.items(), key=lambda item: (len(item[0]), item[0]), reverse=True):
        whole = markdown.html(text)
        room -= len(whole)
        shown = (
            whole
            if room >= 0
            else element("p", "Too long for this page: ", element("code", f"headgate pr show {name}"))
        )
        parts.append(folded(f"#{name} {first_line(text)}", element("article", shown, class_="body")))
    return joined(reversed(parts)) if parts else element("p", "No pull request was opened.")


def first_line(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ").replace("\\", "")


def git(story: Story) -> Markup:
    """Return the env repo's history, its live and aborted tags as badges."""
    return element("pre", *(git_line(line) for line in story.git_log.splitlines()), class_="git", tabindex="0")


def git_line(line: str) -> Markup:
    found = NODE.match(line)
    if found is None:
        return joined([line, "\n"])
    rails, commit, rest = found[1], found[2] or "", found[3]
    named = REFS.match(rest)
    words = rest[named.end() :].strip() if named else rest
    badges = [ref(one.strip()) for one in named[1].split(",")] if named else []
    told = [element("span", rails, class_="rails"), element("b", commit) if commit else "", " ", *badges, words, "\n"]
    return joined(told)


def ref(name: str) -> Markup:
    plain = name.removeprefix("tag: ")
    tone = "good" if plain.startswith("live/") else "bad" if plain.startswith("aborted/") else "soft"
    return joined([element("span", plain, class_=f"badge {tone}"), " "])
