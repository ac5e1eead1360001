# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""Breaks: what reconciliation could not close by itself, and what people do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handback_client import convert
from handback_client._stubs.v1 import breaks_pb2
from handback_client._stubs.v1.breaks_pb2_grpc import BreakServiceStub
from handback_client.keys import new_request_key
from handback_client.models import Break, Dossier, Resolved
from handback_client.sync.connection import Connection


class Breaks:
    """The calls about breaks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._breaks = BreakServiceStub(connection.channel)

    def list(
        self,
        *,
        partner: str = "",
        kinds: Iterable[str] = (),
        redemption_id: str = "",
        file_id: str = "",
        severities: Iterable[str] = (),
        owner: str = "",
        unowned: bool = False,
        overdue: bool = False,
        proposed: bool = False,
        include_closed: bool = False,
        page_size: int = 500,
    ) -> Iterator[Break]:
        """Open breaks, oldest first; filters left empty let everything pass.

        `unowned` leaves those that nobody has taken on, `overdue` those that ought to be closed by
        now, `proposed` those that wait for a second person.
        """
        request = breaks_pb2.ListBreaksRequest(
            programme=self._connection.programme,
            partner=partner,
            kinds=kinds,
            redemption_id=redemption_id,
            file_id=file_id,
            severities=severities,
            owner=owner,
            unowned=unowned,
            overdue=overdue,
            proposed=proposed,
            include_closed=include_closed,
            page_size=page_size,
        )
        for page in self._connection.pages(self._breaks.ListBreaks, request):
            for found in page.breaks:
                yield convert.one_break(found)

    def get(self, break_id: str) -> Break:
        """One break. Raises NotFound."""
        return (self.dossier(break_id)).found

    def dossier(self, break_id: str) -> Dossier:
        """One break with its history and all that it rests on. Raises NotFound."""
        request = breaks_pb2.GetBreakRequest(
            programme=self._connection.programme, break_id=break_id
        )
        return convert.dossier(self._connection.call(self._breaks.GetBreak, request))

    def assign(self, break_id: str, owner: str, *, request_key: str = "") -> Break:
        """Give a break to somebody, or to nobody where `owner` is empty.

        Raises NotFound, BreakClosed, RequestKeyReused.
        """
        request = breaks_pb2.AssignBreakRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            owner=owner,
        )
        answer = self._connection.call(self._breaks.AssignBreak, request)
        return convert.one_break(answer.assigned_break, answer.replayed)

    def comment(self, break_id: str, comment: str, *, request_key: str = "") -> Break:
        """Add a comment to the history of a break. Raises NotFound, RequestKeyReused."""
        request = breaks_pb2.CommentBreakRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            comment=comment,
        )
        answer = self._connection.call(self._breaks.CommentBreak, request)
        return convert.one_break(answer.commented_break, answer.replayed)

    def resolve(
        self,
        decision: str,
        break_ids: Iterable[str],
        *,
        comment: str,
        quantity: int | None = None,
        redemption_id: str = "",
        request_key: str = "",
    ) -> Resolved:
        """Decide on up to 1,000 breaks; what needs a second person is proposed.

        `decision` is `retry`, `fail`, `dismiss`, `confirm`, `link`, `accept_variance`, `write_off`
        or `reinstate`; `quantity` counts as credited, by default what the record says;
        `redemption_id` is for `link`. Each break has an outcome of its own.
        """
        request = breaks_pb2.ResolveBreaksRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_ids=break_ids,
            decision=decision,
            comment=comment,
            quantity=quantity,
            redemption_id=redemption_id,
        )
        return convert.resolved(self._connection.call(self._breaks.ResolveBreaks, request))

    def resolve_matching(
        self,
        decision: str,
        *,
        comment: str,
        partner: str = "",
        kinds: Iterable[str] = (),
        severities: Iterable[str] = (),
        owner: str = "",
        file_id: str = "",
        overdue: bool = False,
        request_key: str = "",
    ) -> Resolved:
        """Decide on the oldest 1,000 open breaks that the filters let pass.

        Asked for again under the same key it is about the same breaks. Raises RequestKeyReused.
        """
        chosen = breaks_pb2.BreakFilter(
            partner=partner,
            kinds=kinds,
            severities=severities,
            owner=owner,
            file_id=file_id,
            overdue=overdue,
        )
        request = breaks_pb2.ResolveBreaksRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            filter=chosen,
            decision=decision,
            comment=comment,
        )
        return convert.resolved(self._connection.call(self._breaks.ResolveBreaks, request))

    def approve(
        self, break_id: str, proposal: int, *, comment: str = "", request_key: str = ""
    ) -> Break:
        """Do what somebody else has proposed, by the number of the proposal.

        Raises NotFound, NotAllowed where it is one's own, ProposalLapsed, IllegalTransition,
        CutOffPassed, RequestKeyReused.
        """
        request = breaks_pb2.ApproveResolutionRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            proposal=proposal,
            comment=comment,
        )
        answer = self._connection.call(self._breaks.ApproveResolution, request)
        return convert.one_break(answer.closed_break, answer.replayed)

    def decline(
        self, break_id: str, proposal: int, *, comment: str, request_key: str = ""
    ) -> Break:
        """Turn a proposal down, or take one's own back; the break stays open.

        Raises NotFound, ProposalLapsed, RequestKeyReused.
        """
        request = breaks_pb2.DeclineResolutionRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            proposal=proposal,
            comment=comment,
        )
        answer = self._connection.call(self._breaks.DeclineResolution, request)
        return convert.one_break(answer.open_break, answer.replayed)

    def reopen(self, break_id: str, *, comment: str, request_key: str = "") -> Break:
        """Open a closed break again; nothing that its closing has moved moves back.

        Raises NotFound, BreakOpen, RequestKeyReused.
        """
        request = breaks_pb2.ReopenBreakRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            comment=comment,
        )
        answer = self._connection.call(self._breaks.ReopenBreak, request)
        return convert.one_break(answer.open_break, answer.replayed)

    def dismiss(self, break_id: str, *, comment: str, request_key: str = "") -> Break:
        """Close a break that needs no step on any redemption; `comment` says why.

        Raises NotFound, BreakClosed, BreakHoldsRedemption, RequestKeyReused.
        """
        request = breaks_pb2.DismissBreakRequest(
            programme=self._connection.programme,
            request_key=request_key or new_request_key(),
            break_id=break_id,
            comment=comment,
        )
        answer = self._connection.call(self._breaks.DismissBreak, request)
        return convert.one_break(answer.closed_break, answer.replayed)
