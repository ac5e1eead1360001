"""What a record does to a life: docs/decisions-table.md, row by row, from its top to its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from model.life import Break, Life, Record, Terms


def hear(life: Life, record: Record, terms: Terms, at: datetime) -> int | None:
    """Let a life hear a record: events, a repeat or a break. A remainder that is to go out again
    is given as a quantity."""
    verdict = judge(life, record, terms, at)
    triggers, _, kind = verdict.partition("!")
    if kind:
        _open(life, kind, record, terms)
    rest = life.held - record.quantity
    for trigger in triggers.split():
        moved = {"return_part": record.quantity, "return": life.fulfilled, "confirm": life.held}
        moved |= {"release": rest, "adjust": rest}
        life.step(trigger, moved.get(trigger, 0), at, record.attempt, record, record.reason)
        if trigger in ("reject", "return"):
            life.follow(terms, record, record.reason, at)
    return rest if "release" in triggers and terms.partial == "resubmit" else None


def _open(life: Life, kind: str, record: Record, terms: Terms) -> None:
    """Open a break, unless one says this already that has not lapsed."""
    for one in life.breaks:
        if one.kind == kind and one.record is not None and one.record.says == record.says:
            accepted = one.resolution in ("dismissed", "variance_accepted")
            if not accepted or one.closed_version == len(life.steps):
                return
    life.breaks.append(Break(kind, record.attempt, record, terms))


def judge(life: Life, record: Record, terms: Terms, at: datetime) -> str:
    """The triggers it comes to, and behind `!` the break; nothing for a repeat."""
    if record.attempt > life.attempt:
        return "!early_answer"
    if record.member != life.member and record.reason != "ok_changed":
        return "!member_mismatch"
    tables = {
        "confirmation": confirmation,
        "interim": interim,
        "duplicate": duplicate,
        "rejection": rejection,
        "returned": returned,
    }
    credits_none = record.is_of in ("interim", "rejection", "duplicate")
    if credits_none and record.quantity != life.asked[record.attempt]:
        return "!quantity_mismatch"
    return tables[record.is_of](life, record, terms, at)


def _awaited(life: Life, record: Record) -> bool:
    return life.state == "awaiting_handback" and record.attempt == life.attempt


def interim(life: Life, record: Record, terms: Terms, at: datetime) -> str:
    """An interim answer."""
    said = [one.record and one.record.code for one in life.had("acknowledge", record.attempt)]
    if record.code in said or not _awaited(life, record):
        return ""
    return "acknowledge"


def duplicate(life: Life, record: Record, terms: Terms, at: datetime) -> str:
    """A rejection as a duplicate."""
    if life.state == "confirmed" or life.credits(record.attempt):
        return ""
    return "!duplicate_rejection"


def confirmation(life: Life, record: Record, terms: Terms, at: datetime) -> str:
    """A confirmation."""
    if verdict := _confirmed_before(life, record, terms):
        return "" if verdict == "repeat" else verdict
    if life.state == "failed":
        return "!confirmed_after_failure"
    if any(
        one.record and one.record.file == record.file for one in life.had("reject", record.attempt)
    ):
        return "!contradiction"
    if life.state == "awaiting_handback" and life.attempt > record.attempt:
        return "!possible_double_credit"
    if life.state == "retrying" and life.taken is not None:
        return "!possible_double_credit"
    if credited := life.credited_by:
        other = credited.attempt != record.attempt
        return "!double_credit" if other else "!quantity_mismatch"
    if life.had("return", record.attempt):
        return "!return_reversed"
    if life.state == "rejected":
        return "!contradiction" if life.had("reject", record.attempt) else "!late_answer"
    return _credit(life, record, terms)


def _confirmed_before(life: Life, record: Record, terms: Terms) -> str:
    """The rows for an attempt that was confirmed before; nothing where none holds."""
    confirmed = life.credits(record.attempt)
    if not confirmed:
        return ""
    if record.quantity > life.asked[record.attempt] + terms.tolerance:
        return "!over_credit"
    # What is above confirms what was asked for.
    named = min(record.quantity, life.asked[record.attempt])
    for one in confirmed:
        if named != one.quantity:
            continue
        since = life.steps[life.steps.index(one) :]
        if not any(step.trigger == "return" for step in since):
            return "repeat"
        if one.record and one.record.code == record.code:
            return "repeat"
    return ""


def _credit(life: Life, record: Record, terms: Terms) -> str:
    rest = life.held - record.quantity
    if record.quantity == 0:
        return "!quantity_mismatch"
    if rest < -terms.tolerance:
        return "confirm!over_credit"
    if 0 < rest <= terms.tolerance:
        return "adjust confirm"
    if rest > 0:
        return "!quantity_mismatch" if terms.partial == "review" else "release confirm"
    return "confirm"


def rejection(life: Life, record: Record, terms: Terms, at: datetime) -> str:
    """A rejection."""
    credited = life.credited_by
    by_silence = credited is not None and credited.reason == "silence"
    if credited is not None and by_silence and credited.attempt == record.attempt:
        return "!return_after_window" if _is_over(life, record, terms, at) else "return"
    if life.had("reject", record.attempt) or life.had("expire", record.attempt):
        return ""
    if life.had("return", record.attempt):
        return ""
    if life.credits(record.attempt):
        return "!contradiction"
    if life.attempt > record.attempt:
        return ""
    return "reject" if _awaited(life, record) else "!late_answer"


def returned(life: Life, record: Record, terms: Terms, at: datetime) -> str:
    """A return."""
    if _awaited(life, record):
        other = record.quantity != life.asked[record.attempt]
        return "!quantity_mismatch" if other else "reject"
    before = life.had("return", record.attempt) + life.had("return_part", record.attempt)
    if any(one.quantity == record.quantity for one in before):
        return ""
    if life.state == "confirmed" and life.had("bear", record.attempt):
        return "!late_answer"
    if life.state == "confirmed" and life.credits(record.attempt):
        if _is_over(life, record, terms, at):
            return "!return_after_window"
        if life.credited_by not in life.credits(record.attempt):
            return "!quantity_mismatch"
        if record.quantity == life.fulfilled:
            return "return"
        return "return_part" if 0 < record.quantity < life.fulfilled else "!quantity_mismatch"
    if life.had("reject", record.attempt) or life.had("expire", record.attempt):
        return ""
    return "!late_answer"


def _is_over(life: Life, record: Record, terms: Terms, at: datetime) -> bool:
    """Whether the window for returns has closed since the attempt was confirmed."""
    confirmed = life.credits(record.attempt)[-1].at
    return terms.return_days is not None and at > confirmed + timedelta(days=terms.return_days)
