"""What a server does by itself: which loops there are, and what a step of each is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from handback.errors import StoreUnavailable
from handback.ids import Prefix, public_id
from handback.intake import queries
from handback.intake.pickup import pick_up
from handback.intake.retention import remove_expired
from handback.intake.watches import watch_round
from handback.ledger.snapshots import roll_up
from handback.payouts.rounds import deliver_round, gather_round
from handback.reconcile.run import reconcile
from handback.reconcile.sweep import sweep_round
from handback_server.runtime import Runtime
from handback_server.workers import Work

_LOG: Final = logging.getLogger(__name__)
_ACTOR: Final = "reconcile"
_RETENTION_S: Final = 600.0  # bytes are kept for days
# A snapshot of balances is due every thousand blocks: some seconds of a busy server.
_ROLL_UP_S: Final = 10.0
_SWEEP_S: Final = 60.0  # deadlines are midnights


def works(runtime: Runtime) -> Sequence[Work]:
    """The loops of one process."""
    settings, desk = runtime.settings, runtime.desk
    terms = desk.agreements, desk.clock
    bring = partial(deliver_round, desk.store, desk.landing, runtime.transport, *terms)
    return (
        Work("pick up", partial(_pick_up, runtime), settings.pickup_s),
        Work("reconcile", partial(_reconcile, runtime), settings.pickup_s),
        Work("gather", partial(gather_round, desk.store, desk.landing, *terms), settings.gather_s),
        Work("deliver", bring, settings.deliver_s),
        Work("sweep", partial(_sweep, runtime), _SWEEP_S),
        Work("retention", partial(remove_expired, desk), _RETENTION_S),
        Work("roll up", partial(roll_up, desk.store), _ROLL_UP_S),
    )


def _pick_up(runtime: Runtime) -> int:
    return len(pick_up(runtime.desk, runtime.transport))


def _sweep(runtime: Runtime) -> int:
    """Sweep what is past its deadline, once all that lies in the folders is picked up.

    An answer that came while nobody looked is not silence, and a file that did is not missing.
    """
    _pick_up(runtime)
    parts = runtime.store, runtime.desk.agreements, runtime.desk.clock
    watch_round(*parts)
    return sweep_round(*parts)


def _reconcile(runtime: Runtime) -> int:
    """Reconcile what is ready, until the server drains; how many files were worked on.

    A file that fails is logged and tried again at the next look; its neighbours go on.
    """
    with runtime.store.read() as tx:
        ready = queries.ready(tx)
    worked = 0
    for file_id in ready:
        if runtime.drain.begun:
            break
        try:
            worked += reconcile(runtime.desk, file_id, _ACTOR, lambda: runtime.drain.begun)
        except StoreUnavailable:
            raise
        except Exception:
            _LOG.exception("%s is not reconciled", public_id(Prefix.HANDBACK_FILE, file_id))
    return worked
