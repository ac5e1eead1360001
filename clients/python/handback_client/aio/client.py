"""The client: submitting redemptions, asking after them, steering single ones."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from copy import copy
from dataclasses import replace
from types import TracebackType
from typing import Self

from handback_client import convert
from handback_client._stubs.v1 import events_pb2, redemptions_pb2
from handback_client._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_client.aio.batches import AsyncBatches
from handback_client.aio.breaks import AsyncBreaks
from handback_client.aio.connection import Connection
from handback_client.aio.corrections import AsyncCorrections
from handback_client.aio.files import AsyncFiles
from handback_client.aio.formats import AsyncFormats
from handback_client.aio.ledger import AsyncLedger
from handback_client.aio.partners import AsyncPartners
from handback_client.aio.reports import AsyncReports
from handback_client.aio.runtime import each, open_channel
from handback_client.aio.submitting import AsyncBulkSubmit
from handback_client.aio.watch import AsyncWatch
from handback_client.channel import DEFAULT_TARGET, TLS
from handback_client.keys import new_request_key
from handback_client.models import Event, Redemption, Submission, SubmitOutcome
from handback_client.resume import SILENCE_S
from handback_client.retry import ALWAYS, USUAL, RetryPolicy


class AsyncClient:
    """A connection to one server on behalf of one programme.

    Use it as a context manager, or `close` it. `batches`, `files`, `breaks`, `corrections`,
    `partners`, `formats`, `reports` and `ledger` hold the calls about payout batches, hand-back
    files, breaks, corrections of members, agreements, trying files and drafting layouts, reports,
    and balances. Every method raises a `HandbackError`; each names the leaves it may raise beside
    those any call may end with (InvalidRequest, ServerUnreachable, StoreUnavailable, ShuttingDown,
    DeadlineExceeded, NotAuthenticated, NotAllowed).

    A command without a `request_key` gets one of its own: repeating it by itself the client does
    nothing twice, but a program that may be started anew should choose its keys and keep them.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        programme: str,
        tls: TLS | None = None,
        deadline_s: float = 30.0,
        retry: RetryPolicy = USUAL,
        options: Mapping[str, int | str] | None = None,
        actor: str = "",
    ) -> None:
        """Reach the server at `target` (host:port, or another gRPC name), over TLS where given.

        `deadline_s` bounds every call that has one answer, its repetitions by `retry` included.
        `options` are gRPC channel options. `actor` is recorded with every command; over TLS the
        server takes the name in the caller's certificate instead.
        """
        channel = open_channel(target, tls, options)
        if not (actor.isascii() and actor.isprintable()):
            raise ValueError(f"actor: expected printable ASCII, not {actor!r}")
        metadata = (("handback-actor", actor),) if actor else ()
        self._use(Connection(channel, programme, deadline_s, retry, metadata))

    def _use(self, connection: Connection) -> None:
        self._connection = connection
        self._redemptions = RedemptionServiceStub(connection.channel)
        self.batches = AsyncBatches(connection)
        self.files = AsyncFiles(connection)
        self.breaks = AsyncBreaks(connection)
        self.corrections = AsyncCorrections(connection)
        self.partners = AsyncPartners(connection)
        self.formats = AsyncFormats(connection)
        self.reports = AsyncReports(connection)
        self.ledger = AsyncLedger(connection)

    def within(self, deadline_s: float) -> Self:
        """The same client on the same channel with another deadline, in seconds."""
        other = copy(self)
        other._use(replace(self._connection, deadline_s=deadline_s))
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel; calls and watches under way end."""
        await self._connection.channel.close()

    async def submit(
        self,
        *,
        partner: str,
        member_ref: str,
        quantity: int,
        unit: str,
        fields: Mapping[str, str] | None = None,
        request_key: str = "",
    ) -> Redemption:
        """Submit one redemption. Raises NotFound, AgreementNotActive, RequestKeyReused.

        The same request key with the same content gives the first answer again, `replayed`.
        """
        submission = Submission(
            partner=partner,
            member_ref=member_ref,
            quantity=quantity,
            unit=unit,
            fields=fields or {},
            request_key=request_key or new_request_key(),
        )
        request = redemptions_pb2.SubmitRedemptionRequest(
            programme=self._connection.programme,
            submission=convert.submission_message(submission),
        )
        answer = await self._connection.call(self._redemptions.SubmitRedemption, request)
        return convert.redemption(answer.redemption, answer.replayed)

    def submit_many(
        self, submissions: Iterable[Submission] | AsyncIterable[Submission]
    ) -> AsyncIterator[SubmitOutcome]:
        """Submit in bulk: one outcome for each submission, in order, as they come.

        Submissions travel in batches of up to 1,000, a few batches ahead of their answers; one
        that is refused never fails its neighbours. There is no deadline. Raises LimitReached.
        """
        return AsyncBulkSubmit(self._connection).outcomes(each(submissions))

    async def get(self, redemption_id: str) -> Redemption:
        """One redemption as it stands, and with which others it hangs together. Raises NotFound."""
        request = redemptions_pb2.GetRedemptionRequest(
            programme=self._connection.programme, redemption_id=redemption_id
        )
        answer = await self._connection.call(self._redemptions.GetRedemption, request)
        return convert.redemption(answer.redemption)

    async def list(
        self,
        *,
        partner: str = "",
        member_ref: str = "",
        states: Iterable[str] = (),
        page_size: int = 500,
    ) -> AsyncIterator[Redemption]:
        """Redemptions, oldest first, page by page; filters left empty let everything pass."""
        request = redemptions_pb2.ListRedemptionsRequest(
            programme=self._connection.programme,
            partner=partner,
            member_ref=member_ref,
            states=convert.states(states),
            page_size=page_size,
        )
        async for page in self._connection.pages(self._redemptions.ListRedemptions, request):
            for redemption in page.redemptions:
                yield convert.redemption(redemption)

    async def history(self, redemption_id: str, *, page_size: int = 500) -> AsyncIterator[Event]:
        """The steps of one redemption, oldest first. Raises NotFound."""
        request = redemptions_pb2.ListRedemptionEventsRequest(
            programme=self._connection.programme,
            redemption_id=redemption_id,
            page_size=page_size,
        )
        async for page in self._connection.pages(self._redemptions.ListRedemptionEvents, request):
            for event in page.events:
                yield convert.event(event)

    async def cancel(
        self, redemption_id: str, *, comment: str = "", request_key: str = ""
    ) -> Redemption:
        """Take a redemption back that has not left yet; what was held goes back to the member.

        Raises NotFound, IllegalTransition, CutOffPassed, SecondPersonNeeded, RequestKeyReused.
        """
        request = redemptions_pb2.CancelRedemptionRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            redemption_id=redemption_id,
            comment=comment,
        )
        answer = await self._connection.call(self._redemptions.CancelRedemption, request)
        return convert.redemption(answer.redemption, answer.replayed)

    async def retry(
        self,
        redemption_id: str,
        *,
        member_ref: str = "",
        fields: Mapping[str, str] | None = None,
        comment: str = "",
        request_key: str = "",
    ) -> Redemption:
        """Send a rejected redemption to its partner once more.

        `member_ref` and `fields` are what is other than before. Raises NotFound, IllegalTransition,
        FieldsUnchanged, RetryExcluded, SecondPersonNeeded, RequestKeyReused.
        """
        request = redemptions_pb2.RetryRedemptionRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            redemption_id=redemption_id,
            member_ref=member_ref,
            fields=fields or {},
            comment=comment,
        )
        answer = await self._connection.call(self._redemptions.RetryRedemption, request)
        return convert.redemption(answer.redemption, answer.replayed)

    async def fail(
        self, redemption_id: str, *, comment: str = "", request_key: str = ""
    ) -> Redemption:
        """Give a rejected or retrying redemption up; what was held goes back to the member.

        Raises NotFound, IllegalTransition, CutOffPassed, SecondPersonNeeded, RequestKeyReused.
        """
        request = redemptions_pb2.FailRedemptionRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            redemption_id=redemption_id,
            comment=comment,
        )
        answer = await self._connection.call(self._redemptions.FailRedemption, request)
        return convert.redemption(answer.redemption, answer.replayed)

    def watch(
        self,
        after: str = "",
        *,
        only_new: bool = False,
        partners: Iterable[str] = (),
        triggers: Iterable[str] = (),
        redemption_id: str = "",
        retry: RetryPolicy = ALWAYS,
        silence_s: float = SILENCE_S,
    ) -> AsyncWatch:
        """Follow events after a cursor, by default from the oldest still served, for ever.

        `only_new` starts with what is committed from now on; filters left empty let everything
        pass. A stream that breaks, or on which the server does not even mark its progress for
        `silence_s`, is resumed by `retry`. The watch raises CursorTooOld, CursorAhead.
        """
        request = events_pb2.WatchRequest(
            programme=self._connection.programme,
            after=after,
            only_new=only_new,
            partners=partners,
            triggers=convert.triggers(triggers),
            redemption_id=redemption_id,
        )
        return AsyncWatch(self._connection, request, retry, silence_s)
