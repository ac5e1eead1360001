"""Run continuity: what was held before a file, what it moved, and what was held after it."""

from __future__ import annotations

import sqlalchemy as sa

from fake_clock import FakeClock
from handback.journal.sequence import sequence_blocks
from handback.ledger.accounts import Tally
from handback.ledger.continuity import Continuity, Movement, continuity
from handback.ledger.snapshots import TOTAL
from handback.lifecycle.table import Account, Trigger
from handback.store.session import Store
from handback.verify import verify
from lives import Lives
from world import Answer, Sent, World, skyways_file

NOTHING = Tally(0, 0)


def of(found: Continuity | None, account: Account) -> Movement:
    assert found is not None
    (movement,) = (one for one in found.movements if one.account is account)
    return movement


def test_a_run_report_says_what_was_held_before_and_after(world: World) -> None:
    world.submit(1_000, 40, 7)
    world.send()
    world.submit(500)
    codes = {1_000: "0000", 40: "0000", 7: "0501"}

    def code_of(sent: Sent) -> str:
        return codes[sent.quantity]

    file = world.answer_all(code_of)
    found = world.report(file.file_id).continuity
    assert found is not None
    assert all(movement.holds for movement in found.movements)
    held = of(found, Account.HELD)
    assert (held.unit, held.opening, held.came) == ("miles", Tally(4, 1_547), NOTHING)
    fulfilled = of(found, Account.FULFILLED)
    assert fulfilled == Movement(
        "miles",
        Account.FULFILLED,
        opening=NOTHING,
        came=Tally(2, 1_040),
        left=NOTHING,
        others=NOTHING,
        closing=Tally(2, 1_040),
    )
    assert held.left.quantity == 1_547 - held.closing.quantity
    world.assert_laws()


def test_what_others_moved_meanwhile_is_told_apart(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    first, second = lives.submit(100, 20)
    lives.submit(1, partner_id=2)
    lives.dispatch([first, second])
    file_id = lives.file([first], unknown=0, repeats=0, rejects=0)
    lives.submit(5)
    lives.submit(8, partner_id=2)
    _append_chunk(lives, file_id, second)
    with store.read() as tx:
        found = continuity(tx, file_id)
    assert found is not None
    assert (found.after_position, found.until_position) == (3, 7)
    held = of(found, Account.HELD)
    assert held == Movement(
        "miles",
        Account.HELD,
        opening=Tally(2, 120),
        came=NOTHING,
        left=Tally(2, 120),
        others=Tally(1, 5),
        closing=Tally(1, 5),
    )
    assert all(movement.holds for movement in found.movements)
    # Both sides of every posting: what comes to one account has left another.
    for name in ("came", "left", "others"):
        sums = [getattr(movement, name).quantity for movement in found.movements]
        assert sum(sums) == (120 if name != "others" else 0)


def test_a_part_leaves_the_redemption_where_it_stands(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    (first,) = lives.submit(100)
    lives.dispatch([first])
    file_id = lives.file([first], unknown=0, repeats=0, rejects=0)
    _append_chunk(lives, file_id, first, Trigger.RETURN_PART, moved=30)
    with store.read() as tx:
        found = continuity(tx, file_id)
    fulfilled = of(found, Account.FULFILLED)
    assert (fulfilled.came, fulfilled.left) == (Tally(1, 100), Tally(0, 30))
    assert fulfilled.closing == Tally(1, 70)
    assert of(found, Account.MEMBER).came == Tally(0, 30)
    assert fulfilled.holds


def test_an_equation_that_does_not_hold_says_so() -> None:
    whole = Movement("miles", Account.HELD, Tally(1, 5), NOTHING, Tally(1, 5), NOTHING, NOTHING)
    assert whole.holds
    torn = Movement("miles", Account.HELD, Tally(1, 5), NOTHING, Tally(1, 4), NOTHING, NOTHING)
    assert not torn.holds
    torn = Movement("miles", Account.HELD, Tally(2, 5), NOTHING, Tally(1, 5), NOTHING, NOTHING)
    assert not torn.holds


def test_a_file_that_moved_nothing_has_none(world: World) -> None:
    file = world.answer(skyways_file([Answer("000000000000000011", "M1", 5, "0000")]))
    assert world.report(file.file_id).continuity is None


def test_a_block_that_lies_about_itself_breaks_the_equation(store: Store, clock: FakeClock) -> None:
    lives = Lives(store, clock)
    (first,) = lives.submit(100)
    lives.dispatch([first])
    file_id = lives.file([first], unknown=0, repeats=0, rejects=0)
    with store.write() as tx:
        tx.execute(sa.update(TOTAL).where(TOTAL.c.block_id == 3).values(delta=TOTAL.c.delta * 2))
    with store.read() as tx:
        found = continuity(tx, file_id)
    assert found is not None
    torn = {movement.account for movement in found.movements if not movement.holds}
    assert torn == {Account.HELD, Account.FULFILLED}
    assert not verify(store).holds


def _append_chunk(
    lives: Lives,
    file_id: int,
    redemption_id: int,
    trigger: Trigger = Trigger.CONFIRM,
    moved: int | None = None,
) -> None:
    """One more chunk of a file that moves one redemption."""
    block_id = lives.step(trigger, [redemption_id], moved=moved, file_id=file_id)
    lives.tick(file_id, 1, block_id)
    sequence_blocks(lives.store)
