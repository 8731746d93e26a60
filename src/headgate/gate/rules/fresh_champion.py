"""Is the champion that was compared with still the champion? The rule `fresh_champion`."""

from headgate.gate.rules.answer import answer
from headgate.gate.rules.case import Case
from headgate.names import short
from headgate.records.judgement import Finding
from headgate.specs.gate import FreshChampion


def judge(rule: FreshChampion, case: Case) -> Finding:
    """Pass when the env repo names the same champion as the evaluation; a champion that moved makes it stale."""
    champion = case.evaluation.champion
    compared, now = champion.sha256 if champion else None, case.champion_now
    limit = f"champion is {short(now) if now else 'none'}"
    if compared == now:
        reason = f"compared with {short(now)}, the champion now" if now else "no champion yet"
        return answer(rule, "fresh_champion", "pass", reason, limit)
    seen = short(compared) if compared else "no champion"
    reason = f"stale: compared with {seen}, and the champion is {short(now) if now else 'gone'}; evaluate again"
    return answer(rule, "fresh_champion", "inconclusive", reason, limit)
