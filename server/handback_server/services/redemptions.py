"""RedemptionService: submitting redemptions, asking after them, steering single ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from handback import telemetry
from handback.errors import HandbackError, InvalidRequest, LimitReached, Violation
from handback.ids import Prefix, number_of, public_id
from handback.lifecycle.table import State
from handback.redemptions import corrections, queries
from handback.redemptions.commands import Caller, execute
from handback.redemptions.corrections import CorrectionFilter
from handback.redemptions.draft import Outcome
from handback.redemptions.queries import RedemptionFilter
from handback.redemptions.requests import Cancel, Command, Fail, Retry, Submit
from handback_server import convert
from handback_server._stubs.v1 import redemptions_pb2 as pb
from handback_server._stubs.v1.redemptions_pb2_grpc import RedemptionServiceServicer
from handback_server.callers import Context, actor_of, command_of, sees_restricted
from handback_server.paging import page_of
from handback_server.runtime import Runtime
from handback_server.status import status_of

# A batch is one transaction: a thousand submissions take it some tens of milliseconds.
MAX_SUBMISSIONS: Final = 1_000

StepRequest = pb.CancelRedemptionRequest | pb.FailRedemptionRequest


class Redemptions(RedemptionServiceServicer):
    """Single commands of all callers share commits; a batch of submissions is one by itself."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._read = runtime.bridge.read

    async def SubmitRedemption(
        self, request: pb.SubmitRedemptionRequest, context: Context
    ) -> pb.SubmitRedemptionResponse:
        """Take in one redemption."""
        command = _submit(request.programme, request.submission, telemetry.traceparent_of())
        outcome = await self._command(command, context)
        response = pb.SubmitRedemptionResponse(replayed=outcome.replayed)
        convert.put_redemption(response.redemption, outcome.redemption)
        return response

    async def SubmitRedemptions(
        self, request_iterator: AsyncIterator[pb.SubmitRedemptionsRequest], context: Context
    ) -> AsyncIterator[pb.SubmitRedemptionsResponse]:
        """Take in redemptions batch by batch."""
        drain, requests = self._runtime.drain, aiter(request_iterator)
        caller = Caller(actor_of(context), telemetry.traceparent_of())
        while (request := await drain.first(_next(requests))) is not None:
            outcomes = await self._runtime.bridge.run(
                execute,
                self._runtime.store,
                self._runtime.clock,
                self._runtime.agreements,
                caller,
                _batch(request),
            )
            response = pb.SubmitRedemptionsResponse()
            for outcome in outcomes:
                _put_outcome(response.outcomes.add(), outcome)
            yield response

    async def GetRedemption(
        self, request: pb.GetRedemptionRequest, context: Context
    ) -> pb.GetRedemptionResponse:
        """Give one redemption."""
        programme = convert.named(request.programme, "programme")
        number = convert.redemption_number(request.redemption_id)
        view = await self._read(queries.get, programme, number)
        links = await self._read(queries.links, number)
        redemption = convert.redemption(view)
        redemption.origin_id = convert.optional_id(Prefix.REDEMPTION, links.origin_id)
        made = (public_id(Prefix.REDEMPTION, number) for number in links.remainder_ids)
        redemption.remainder_ids.extend(made)
        return pb.GetRedemptionResponse(redemption=redemption)

    async def ListRedemptions(
        self, request: pb.ListRedemptionsRequest, context: Context
    ) -> pb.ListRedemptionsResponse:
        """Give a page of redemptions."""
        page = page_of(request, 0)
        wanted = RedemptionFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            member_ref=request.member_ref or None,
            states=convert.members(request.states, State, "states"),
        )
        found = await self._read(queries.page, wanted, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.redemption_id)
        redemptions = map(convert.redemption, views)
        return pb.ListRedemptionsResponse(redemptions=redemptions, next_page_token=token)

    async def ListRedemptionEvents(
        self, request: pb.ListRedemptionEventsRequest, context: Context
    ) -> pb.ListRedemptionEventsResponse:
        """Give the steps of one redemption."""
        page = page_of(request, 0)
        programme = convert.named(request.programme, "programme")
        number = convert.redemption_number(request.redemption_id)
        view = await self._read(queries.get, programme, number)
        steps = await self._read(queries.history, programme, number)
        if not sees_restricted(context, self._runtime.settings.restricted_readers):
            steps = queries.masked(steps)
        later = [step for step in steps if step.version > page.after]
        taken, token = page.cut(later, lambda step: step.version)
        events = [convert.event(step, view) for step in taken]
        return pb.ListRedemptionEventsResponse(events=events, next_page_token=token)

    async def CancelRedemption(
        self, request: pb.CancelRedemptionRequest, context: Context
    ) -> pb.CancelRedemptionResponse:
        """Take a redemption back."""
        outcome = await self._step(Cancel, request, context)
        redemption = convert.redemption(outcome.redemption)
        return pb.CancelRedemptionResponse(redemption=redemption, replayed=outcome.replayed)

    async def RetryRedemption(
        self, request: pb.RetryRedemptionRequest, context: Context
    ) -> pb.RetryRedemptionResponse:
        """Send a redemption once more."""
        number = convert.redemption_number(request.redemption_id)
        asked = (request.programme, request.request_key, number, request.comment)
        command = Retry(*asked, request.member_ref, dict(request.fields))
        outcome = await self._command(command, context)
        redemption = convert.redemption(outcome.redemption)
        return pb.RetryRedemptionResponse(redemption=redemption, replayed=outcome.replayed)

    async def FailRedemption(
        self, request: pb.FailRedemptionRequest, context: Context
    ) -> pb.FailRedemptionResponse:
        """Give a redemption up."""
        outcome = await self._step(Fail, request, context)
        redemption = convert.redemption(outcome.redemption)
        return pb.FailRedemptionResponse(redemption=redemption, replayed=outcome.replayed)

    async def ListCorrections(
        self, request: pb.ListCorrectionsRequest, context: Context
    ) -> pb.ListCorrectionsResponse:
        """Give a page of corrections."""
        page = page_of(request, 0)
        wanted = CorrectionFilter(
            programme=convert.named(request.programme, "programme"),
            partner=request.partner or None,
            member_ref=request.member_ref or None,
            include_acknowledged=request.include_acknowledged,
        )
        found = await self._read(corrections.page, wanted, page.after, page.fetch)
        views, token = page.cut(found, lambda view: view.correction_id)
        listed = map(convert.correction, views)
        return pb.ListCorrectionsResponse(corrections=listed, next_page_token=token)

    async def AcknowledgeCorrection(
        self, request: pb.AcknowledgeCorrectionRequest, context: Context
    ) -> pb.AcknowledgeCorrectionResponse:
        """Note that a correction was taken in."""
        programme = convert.named(request.programme, "programme")
        number = number_of(Prefix.CORRECTION, request.correction_id, "correction_id")
        command = command_of(context, request.request_key, request.comment)
        done = await self._runtime.bridge.write(
            corrections.acknowledge, programme, number, command, self._runtime.clock.now()
        )
        correction = convert.correction(done.view)
        return pb.AcknowledgeCorrectionResponse(correction=correction, replayed=done.replayed)

    async def _step(
        self, step: type[Cancel | Fail], request: StepRequest, context: Context
    ) -> Outcome:
        number = convert.redemption_number(request.redemption_id)
        command = step(request.programme, request.request_key, number, request.comment)
        return await self._command(command, context)

    async def _command(self, command: Command, context: Context) -> Outcome:
        """Share the next commit with whoever else asks for one now."""
        return await self._runtime.commands.run(actor_of(context), command)


async def _next(
    requests: AsyncIterator[pb.SubmitRedemptionsRequest],
) -> pb.SubmitRedemptionsRequest | None:
    return await anext(requests, None)


def _submit(programme: str, submission: pb.Submission, trace_context: str | None) -> Submit:
    fields = submission.fields
    return Submit(
        programme=programme,
        partner=submission.partner,
        request_key=submission.request_key,
        member_ref=submission.member_ref,
        quantity=submission.quantity,
        unit=submission.unit,
        fields={name: fields[name] for name in fields},  # half the price of making it a dict
        trace_context=submission.trace_context or trace_context,
    )


def _batch(request: pb.SubmitRedemptionsRequest) -> list[Command]:
    if len(request.submissions) > MAX_SUBMISSIONS:
        raise LimitReached(f"{MAX_SUBMISSIONS} submissions in one message")
    if not request.submissions:
        raise InvalidRequest([Violation("submissions", "expected at least one")])
    programme, trace_context = request.programme, telemetry.traceparent_of()
    return [_submit(programme, submission, trace_context) for submission in request.submissions]


def _put_outcome(into: pb.SubmitOutcome, outcome: Outcome | HandbackError) -> None:
    if isinstance(outcome, HandbackError):
        into.error.CopyFrom(status_of(outcome))
    else:
        convert.put_redemption(into.redemption, outcome.redemption)
        into.replayed = outcome.replayed
