"""BreakService: what reconciliation could not close by itself, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import partial
from typing import Protocol, TypeVar

import sqlalchemy as sa

from handback.breaks import commands, queries
from handback.breaks.commands import Done
from handback.breaks.decisions import Decision
from handback.breaks.kinds import BreakKind, Severity
from handback.breaks.queries import BreakFilter, BreakView
from handback.errors import InvalidRequest, Violation
from handback.ids import Prefix, number_of
from handback.redemptions.requests import MAX_TEXT
from handback.resolutions.deciding import Wanted
from handback.resolutions.evidence import dossier
from handback.resolutions.resolve import Resolving
from handback.store.requests import Command
from handback_server import convert
from handback_server._stubs.v1 import breaks_pb2 as pb
from handback_server._stubs.v1.breaks_pb2_grpc import BreakServiceServicer
from handback_server.callers import Context, command_of, sees_restricted
from handback_server.paging import page_of
from handback_server.runtime import Runtime

Word = TypeVar("Word", bound=IntEnum)


class OfBreak(Protocol):
    """A request that does something with one break."""

    programme: str
    request_key: str
    break_id: str


class Breaks(BreakServiceServicer):
    """Reads breaks, keeps what people do with them, resolves them."""

    def __init__(self, runtime: Runtime) -> None:
        self._bridge = runtime.bridge
        self._now = runtime.clock.now
        self._readers = runtime.settings.restricted_readers
        self._resolving = Resolving(runtime.store, runtime.clock, runtime.agreements)

    async def ListBreaks(
        self, request: pb.ListBreaksRequest, context: Context
    ) -> pb.ListBreaksResponse:
        """Give a page of breaks."""
        page, now = page_of(request, 0), self._now()
        redemption_id, file_id = request.redemption_id, request.file_id
        wanted = BreakFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            kinds=_words(BreakKind, request.kinds, "kinds"),
            severities=_words(Severity, request.severities, "severities"),
            owner=request.owner or None,
            unowned=request.unowned,
            redemption_id=convert.redemption_number(redemption_id) if redemption_id else None,
            file_id=convert.file_number(file_id) if file_id else None,
            overdue_at=now if request.overdue else None,
            proposed=request.proposed,
            include_closed=request.include_closed,
        )
        found = await self._bridge.read(queries.page, wanted, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.break_id)
        breaks = map(self._shown(context), views)
        return pb.ListBreaksResponse(breaks=breaks, next_page_token=token)

    async def GetBreak(self, request: pb.GetBreakRequest, context: Context) -> pb.GetBreakResponse:
        """Give one break with its history and its evidence."""
        programme, now = convert.named(request.programme, "programme"), self._now()
        number = number_of(Prefix.BREAK, request.break_id, "break_id")
        found = await self._bridge.read(dossier, programme, number)
        if not sees_restricted(context, self._readers):
            found = found.masked()
        return pb.GetBreakResponse(
            found_break=convert.break_of(found.view, now),
            history=map(convert.break_note, found.history),
            evidence=convert.break_evidence(found, now),
        )

    async def DismissBreak(
        self, request: pb.DismissBreakRequest, context: Context
    ) -> pb.DismissBreakResponse:
        """Close a break that needs no further step."""
        command = command_of(context, request.request_key, request.comment)
        done = await self._do(commands.dismiss, request, command)
        closed = self._shown(context)(done.view)
        return pb.DismissBreakResponse(closed_break=closed, replayed=done.replayed)

    async def AssignBreak(
        self, request: pb.AssignBreakRequest, context: Context
    ) -> pb.AssignBreakResponse:
        """Give a break to somebody."""
        owner = request.owner.strip()
        if len(owner) > MAX_TEXT or not owner.isprintable():
            expected = f"expected one line of at most {MAX_TEXT} characters"
            raise InvalidRequest([Violation("owner", expected)])
        command = command_of(context, request.request_key)
        done = await self._do(partial(commands.assign, owner=owner), request, command)
        assigned = self._shown(context)(done.view)
        return pb.AssignBreakResponse(assigned_break=assigned, replayed=done.replayed)

    async def CommentBreak(
        self, request: pb.CommentBreakRequest, context: Context
    ) -> pb.CommentBreakResponse:
        """Add a comment to a break."""
        command = command_of(context, request.request_key, request.comment)
        done = await self._do(commands.comment, request, command)
        commented = self._shown(context)(done.view)
        return pb.CommentBreakResponse(commented_break=commented, replayed=done.replayed)

    async def ReopenBreak(
        self, request: pb.ReopenBreakRequest, context: Context
    ) -> pb.ReopenBreakResponse:
        """Open a closed break again."""
        command = command_of(context, request.request_key, request.comment)
        done = await self._do(commands.reopen, request, command)
        reopened = self._shown(context)(done.view)
        return pb.ReopenBreakResponse(open_break=reopened, replayed=done.replayed)

    async def ResolveBreaks(
        self, request: pb.ResolveBreaksRequest, context: Context
    ) -> pb.ResolveBreaksResponse:
        """Decide on breaks, listed or by a filter."""
        programme = convert.named(request.programme, "programme")
        command = command_of(context, request.request_key, request.comment)
        named = request.redemption_id
        wanted = Wanted(
            decision=_words(Decision, [request.decision], "decision")[0],
            quantity=request.quantity if request.HasField("quantity") else None,
            redemption_id=convert.redemption_number(named) if named else None,
        )
        if request.HasField("filter"):
            if request.break_ids:
                raise InvalidRequest([Violation("break_ids", "expected none beside a filter")])
            which = self._filter(programme, request.filter)
            bulk = await self._bridge.run(self._resolving.resolve_filtered, which, wanted, command)
        else:
            ids = [number_of(Prefix.BREAK, one, "break_ids") for one in request.break_ids]
            bulk = await self._bridge.run(self._resolving.resolve, programme, ids, wanted, command)
        shown = self._shown(context)
        outcomes = [convert.resolve_outcome(one, shown) for one in bulk.outcomes]
        return pb.ResolveBreaksResponse(outcomes=outcomes, more=bulk.more)

    async def ApproveResolution(
        self, request: pb.ApproveResolutionRequest, context: Context
    ) -> pb.ApproveResolutionResponse:
        """Do what somebody else has proposed."""
        command = command_of(context, request.request_key, request.comment)
        done = await self._decide(self._resolving.approve, request, command)
        closed = self._shown(context)(done.view)
        return pb.ApproveResolutionResponse(closed_break=closed, replayed=done.replayed)

    async def DeclineResolution(
        self, request: pb.DeclineResolutionRequest, context: Context
    ) -> pb.DeclineResolutionResponse:
        """Turn a proposal down."""
        command = command_of(context, request.request_key, request.comment)
        done = await self._decide(self._resolving.decline, request, command)
        left = self._shown(context)(done.view)
        return pb.DeclineResolutionResponse(open_break=left, replayed=done.replayed)

    def _shown(self, context: Context) -> Callable[[BreakView], pb.Break]:
        """What makes messages of breaks for this caller, as of now."""
        unmasked, now = sees_restricted(context, self._readers), self._now()
        return lambda view: convert.break_of(view if unmasked else view.masked(), now)

    async def _do(self, act: Callable[..., Done], request: OfBreak, command: Command) -> Done:
        """What a command does with one break, in a transaction of its own."""
        programme = convert.named(request.programme, "programme")
        number = number_of(Prefix.BREAK, request.break_id, "break_id")

        def within(tx: sa.Connection) -> Done:
            return act(tx, programme, number, command=command, at=self._now())

        return await self._bridge.write(within)

    async def _decide(
        self,
        decide: Callable[[str, int, int, Command], Done],
        request: pb.ApproveResolutionRequest | pb.DeclineResolutionRequest,
        command: Command,
    ) -> Done:
        programme = convert.named(request.programme, "programme")
        number = number_of(Prefix.BREAK, request.break_id, "break_id")
        return await self._bridge.run(decide, programme, number, request.proposal, command)

    def _filter(self, programme: str, asked: pb.BreakFilter) -> BreakFilter:
        file_id = asked.file_id
        return BreakFilter(
            programme=programme,
            partner=asked.partner or None,
            kinds=_words(BreakKind, asked.kinds, "filter.kinds"),
            severities=_words(Severity, asked.severities, "filter.severities"),
            owner=asked.owner or None,
            file_id=convert.file_number(file_id, "filter.file_id") if file_id else None,
            overdue_at=self._now() if asked.overdue else None,
        )


def _words(enum: type[Word], texts: Sequence[str], field: str) -> tuple[Word, ...]:
    """The members that fixed words name. Raises InvalidRequest for any other word."""
    known = {str(member): member for member in enum}
    if any(text not in known for text in texts):
        raise InvalidRequest([Violation(field, f"expected one of {', '.join(known)}")])
    return tuple(known[text] for text in texts)
