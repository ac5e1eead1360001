"""What persons may do with a life: docs/operations.md, Decisions and No second credit."""

from __future__ import annotations

from datetime import datetime

from model.life import HOLDING, KEEPING, MAY_BE_CREDITED, Break, Life, Policy, Refused, Terms

REMAINDERS = {"confirm": "release", "accept_variance": "adjust", "write_off": "write_off"}
RESOLUTIONS = {
    "retry": "retried",
    "fail": "failed",
    "confirm": "confirmed",
    "accept_variance": "variance_accepted",
    "write_off": "written_off",
    "reinstate": "reinstated",
}


def command(
    life: Life, wanted: str, terms: Terms, at: datetime, *, member: str = "", two: bool = False
) -> None:
    """`cancel`, `retry` or `fail`, by one person or by `two`. Raises Refused."""
    if life.taken is not None:
        raise Refused("a batch has taken it")
    if two and life.state == "awaiting_handback":
        if wanted == "retry":
            _may_retry(life, Policy(), member, two=True)
        life.step("reject", 0, at)
    allowed = {
        "cancel": ("submitted", "retrying"),
        "retry": ("rejected",),
        "fail": ("rejected", "retrying"),
    }
    if life.state not in allowed[wanted]:
        raise Refused(f"{wanted} of what is {life.state}")
    if life.doubted and not two:
        raise Refused("a second person is needed")
    if wanted == "retry":
        fallen = life.last_of("reject", "return", "expire")
        assert fallen is not None
        _may_retry(life, terms.policy(fallen.reason), member, two=two)
        life.member = member or life.member
        life.step("retry", 0, at)
        life.due_at = at
    else:
        life.step(wanted, life.held, at)
    _close(life, (*HOLDING, *KEEPING), "retried" if wanted == "retry" else "failed")


def let_go(life: Life, found: Break) -> bool:
    """Two persons say that what was credited by a break was not, of a retry that waits; whether
    that is so. It leaves with its batch then, and takes no step."""
    doubting = found.record is not None and found.record.reason in MAY_BE_CREDITED
    if life.state != "retrying" or life.due_at is None or not doubting:
        return False
    close(life, found, "retried")
    if not life.doubted:
        _close(life, (*HOLDING, *KEEPING), "retried")
    return True


def _may_retry(life: Life, policy: Policy, member: str, *, two: bool) -> None:
    if policy.do == "never" and not two:
        raise Refused("its policy says never")
    if policy.changed and member in ("", life.member):
        raise Refused("nothing was given anew")


def credit(life: Life, found: Break, wanted: str, quantity: int, at: datetime) -> None:
    """`confirm`, `accept_variance`, `write_off` or `reinstate`, by two persons. Raises Refused."""
    attempt = min(found.attempt, life.attempt)
    if life.taken is not None:
        raise Refused("a batch has taken it")
    if life.state == "failed":
        steps = {"reinstate": "reinstate", "write_off": "bear"}
        if wanted not in steps:
            raise Refused("it was given up")
        if quantity > life.given_back:
            raise Refused("more than was given back")
        life.step(steps[wanted], quantity, at, attempt)
    elif life.state in ("awaiting_handback", "retrying", "rejected") and wanted in REMAINDERS:
        if quantity > life.held:
            raise Refused("more than is held")
        if life.state == "awaiting_handback" and attempt < life.attempt:
            life.step("reject", 0, at)
        if rest := life.held - quantity:
            life.step(REMAINDERS[wanted], rest, at, attempt)
        life.step("confirm", quantity, at, attempt)
    else:
        raise Refused(f"{wanted} of what is {life.state}")
    _close(life, (*HOLDING, *KEEPING), RESOLUTIONS[wanted])


def dismiss(life: Life, found: Break) -> None:
    """Close a break without any step. Raises Refused."""
    if found.kind in HOLDING and life.state == "rejected":
        raise Refused("a rejected redemption waits in it")
    close(life, found, "dismissed")


def close(life: Life, found: Break, resolution: str) -> None:
    """Note that a break is closed, and where its redemption stood then."""
    if found.is_open:
        found.resolution, found.closed_version = resolution, len(life.steps)


def _close(life: Life, kinds: tuple[str, ...], resolution: str) -> None:
    for one in life.breaks:
        if one.kind in kinds:
            close(life, one, resolution)
