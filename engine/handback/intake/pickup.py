"""Picking up what partners have put into their folders. The road of a hand-back file begins here.

A file is claimed under the id it will have, then received (`receive`: landed, refused or decoded),
then put away into the archive. A process killed in between leaves a claimed file, and the next
look goes on with it: where its row is there it is only put away, else it is received.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from handback.errors import InvalidRequest, LimitReached, StoreUnavailable
from handback.exchange import envelope
from handback.exchange.envelope import Unopenable
from handback.exchange.transport import Arrival, Transport
from handback.ids import Prefix, number_of, public_id
from handback.intake import queries
from handback.intake.desk import Desk
from handback.intake.prepare import prepare
from handback.intake.queries import FILE, PARTNER
from handback.intake.receive import Origin, new_file_id, receive, refuse_too_large
from handback.intake.trailer import has_trailer
from handback.partners.registry import Terms
from handback.partners.vocabulary import Completeness
from handback.store.requests import Command

_LOG: Final = logging.getLogger(__name__)
_PICK_UP: Final = Command(actor="pick-up")

# Of one partner in one look, so that nobody waits behind another's backlog.
_FILES_PER_LOOK: Final = 8
# After so long without a change nobody writes any more: a file that still has no trailer is
# received as it stands, and waits in quarantine where people see it.
_PATIENCE: Final = timedelta(hours=1)
_LONG_GONE: Final = timedelta(days=2)


def pick_up(desk: Desk, transport: Transport) -> list[int]:
    """Look once into every partner's folder and take in what is complete; the ids of the files.

    Files that an earlier process left undecoded are decoded first. Several processes share the
    work. One bad file never holds up its neighbours: what happens to it is logged, and the next
    look tries it again.
    """
    _tidy(desk)
    _decode_leftovers(desk)
    return [file_id for terms in all_terms(desk) for file_id in _look(desk, transport, terms)]


def _look(desk: Desk, transport: Transport, terms: Terms) -> list[int]:
    """Take in some files of one partner, unless another process is about its folder."""
    folder = terms.agreement.handback.folder
    taken: list[int] = []
    with desk.store.lock(f"pick-up from {folder}") as had, apart(folder):
        for arrival in _complete(desk, transport, terms) if had else ():
            with apart(f"{arrival.name} in {folder}"):
                taken.extend(_take(desk, transport, terms, arrival))
            if len(taken) == _FILES_PER_LOOK:
                break
    return taken


def _complete(desk: Desk, transport: Transport, terms: Terms) -> Iterator[Arrival]:
    """The files of a partner that its agreement counts as complete, claimed ones first."""
    handback = terms.agreement.handback
    for arrival in transport.list(handback.folder, handback.file_name, handback.marker_suffix):
        if handback.complete is Completeness.TRAILER and arrival.token is None:
            settled = desk.clock.now() - arrival.modified_at > _PATIENCE
            if not settled and not _has_trailer(desk, transport, arrival, terms):
                continue
        yield arrival


def _has_trailer(desk: Desk, transport: Transport, arrival: Arrival, terms: Terms) -> bool:
    handback = terms.agreement.handback
    try:
        with (
            transport.open(arrival) as content,
            envelope.opened(
                content, handback.envelope, desk.max_file_bytes, desk.landing.scratch
            ) as found,
        ):
            return has_trailer(found.content, handback.layout)
    except (FileNotFoundError, Unopenable):
        return False


def _take(desk: Desk, transport: Transport, terms: Terms, arrival: Arrival) -> Iterator[int]:
    """Take in one file; its id, or nothing where it has gone or had been taken in before."""
    owner = None if arrival.token is None else _owner(desk, arrival.token)
    if owner == terms.partner_id:
        transport.acknowledge(arrival)
    elif owner is None:
        file_id = new_file_id(desk)
        claimed = transport.claim(arrival, public_id(Prefix.HANDBACK_FILE, file_id))
        if claimed is not None:
            _receive(desk, transport, terms, claimed, file_id)
            yield file_id


def _receive(
    desk: Desk, transport: Transport, terms: Terms, claimed: Arrival, file_id: int
) -> None:
    """Receive a claimed file and put it away."""
    origin = Origin(claimed.name, claimed.folder)
    try:
        with transport.open(claimed) as content:
            receive(desk, terms, content, origin, _PICK_UP, file_id)
    except LimitReached:
        refuse_too_large(desk, terms, claimed.size_bytes, origin, _PICK_UP, file_id)
    transport.acknowledge(claimed)


def _owner(desk: Desk, token: str) -> int | None:
    """The partner whose file a claim's token names; None where there is no such file.

    Partners can write into their folders, so a token may be forged. All that this brings about
    is that the forger's own file is not taken in.
    """
    try:
        file_id = number_of(Prefix.HANDBACK_FILE, token, "token")
    except InvalidRequest:
        return None
    with desk.store.read() as tx:
        owner: int | None = tx.scalar(sa.select(FILE.c.partner_id).where(FILE.c.file_id == file_id))
    return owner


def all_terms(desk: Desk) -> Iterator[Terms]:
    """The newest terms of every partner, whosoever's programme it is."""
    with desk.store.read() as tx:
        partner_ids = list(
            tx.scalars(sa.select(PARTNER.c.partner_id).order_by(PARTNER.c.partner_id))
        )
    for partner_id in partner_ids:
        with apart(f"the agreement of partner {partner_id}"):
            with desk.store.read() as tx:
                terms = desk.agreements.of_partner(tx, partner_id)
            yield terms


def _tidy(desk: Desk) -> None:
    """Remove half-written files of processes that have long been gone."""
    before = desk.clock.now() - _LONG_GONE
    desk.landing.discard_unfinished(before)
    desk.spool.discard_unfinished(before)


def _decode_leftovers(desk: Desk) -> None:
    with desk.store.read() as tx:
        undecoded = queries.undecoded(tx)
    for file_id in undecoded:
        with apart(public_id(Prefix.HANDBACK_FILE, file_id)):
            prepare(desk, file_id)


@contextmanager
def apart(what: str) -> Iterator[None]:
    """Keep what goes wrong with one thing from the others; without the store nothing goes on."""
    try:
        yield
    except StoreUnavailable:
        raise
    except Exception:
        _LOG.exception("%s is left as it is", what)
