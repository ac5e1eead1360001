"""Servers in processes of their own: the product's, and the bare ones that it stands beside."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

import grpc
import sqlalchemy as sa

from handback.clock import SystemClock
from handback.settings import Settings
from handback.store.session import Store
from handback_server._stubs.v1 import lifecycle_pb2
from handback_server._stubs.v1 import redemptions_pb2 as pb
from handback_server.app import Server
from handback_server.bench.ground import Place
from handback_server.bench.submit_floor import SameRows
from handback_server.bridge import Groups
from handback_server.runtime import Runtime, spare_collector
from handback_server.workers import Work

Serve = Callable[..., None]
if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]


@contextmanager
def serving(serve: Serve, *given: Any) -> Iterator[str]:
    """The address of a server that runs in another process as long as the context."""
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    server = fresh.Process(target=serve, args=(theirs, *given))
    server.start()
    theirs.close()
    try:
        yield f"127.0.0.1:{ours.recv()}"
    finally:
        ours.close()  # which tells it to stop
        server.join()


def product(
    parent: Connection, place: Place, works: Callable[[Runtime], Sequence[Work]] = lambda _: ()
) -> None:
    """Handback itself, without work of its own unless some is given."""
    environment = {
        "HANDBACK_STORE": place.url,
        "HANDBACK_HOME": str(place.folder / "served"),
        "HANDBACK_LISTEN": "127.0.0.1:0",
    }

    async def serve() -> None:
        server = await Server.open(Settings.read(environment), SystemClock(), works)
        spare_collector()
        parent.send(server.port)
        await _told_to_stop(parent)
        await server.close()

    asyncio.run(serve())


def echo(parent: Connection) -> None:
    """Answers at once: what gRPC itself can do."""
    asyncio.run(serve_bare(parent, _Bare(None).handlers()))


def inserting(parent: Connection, place: Place) -> None:
    """Writes what is submitted, durable before its answer, and does nothing else.

    Of one submission that is one row of one table, in groups as the product commits them; of a
    streamed batch it is all the rows that the product writes, as fast as they can be written.
    """
    store = Store.open(place.url)
    with store.write() as tx:
        _BARE.create(tx, checkfirst=True)

    async def serve() -> None:
        groups: Groups[pb.Submission, int] = Groups(lambda _, rows: _insert(store, rows))
        await serve_bare(parent, _Bare((groups, SameRows(store))).handlers())
        await groups.close()

    asyncio.run(serve())
    store.close()


_BARE: Final = sa.Table(
    "bare",
    sa.MetaData(),
    sa.Column("request_key", sa.Text, primary_key=True),
    sa.Column("member_ref", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
)


def _insert(store: Store, submissions: Sequence[pb.Submission]) -> list[int]:
    rows = [
        {"request_key": one.request_key, "member_ref": one.member_ref, "quantity": one.quantity}
        for one in submissions
    ]
    with store.write() as tx:
        tx.execute(sa.insert(_BARE), rows)
    return [0] * len(rows)


class _Bare:
    """Submits as the product answers them, with no work or the least."""

    def __init__(self, work: tuple[Groups[pb.Submission, int], SameRows] | None) -> None:
        self._work = work

    def handlers(self) -> grpc.GenericRpcHandler:
        """What makes gRPC call it."""
        one: Handler = grpc.unary_unary_rpc_method_handler(
            self.SubmitRedemption,
            pb.SubmitRedemptionRequest.FromString,
            pb.SubmitRedemptionResponse.SerializeToString,
        )
        many: Handler = grpc.stream_stream_rpc_method_handler(
            self.SubmitRedemptions,
            pb.SubmitRedemptionsRequest.FromString,
            pb.SubmitRedemptionsResponse.SerializeToString,
        )
        methods = {"SubmitRedemption": one, "SubmitRedemptions": many}
        return grpc.method_handlers_generic_handler("handback.v1.RedemptionService", methods)

    async def SubmitRedemption(
        self, request: pb.SubmitRedemptionRequest, context: object
    ) -> pb.SubmitRedemptionResponse:
        """Answer one."""
        if self._work:
            await self._work[0].run(None, request.submission)
        return pb.SubmitRedemptionResponse(redemption=_answer(request.submission))

    async def SubmitRedemptions(
        self, request_iterator: AsyncIterator[pb.SubmitRedemptionsRequest], context: object
    ) -> AsyncIterator[pb.SubmitRedemptionsResponse]:
        """Answer batch by batch."""
        async for request in request_iterator:
            if self._work:
                await asyncio.to_thread(self._work[1].insert, request.submissions)
            outcomes = [pb.SubmitOutcome(redemption=_answer(one)) for one in request.submissions]
            yield pb.SubmitRedemptionsResponse(outcomes=outcomes)


def _answer(submission: pb.Submission) -> lifecycle_pb2.Redemption:
    return lifecycle_pb2.Redemption(
        redemption_id="rdm_0000000000001",
        programme="bench",
        partner=submission.partner,
        member_ref=submission.member_ref,
        quantity=submission.quantity,
        unit=submission.unit,
    )


async def serve_bare(parent: Connection, service: grpc.GenericRpcHandler) -> None:
    """One service and nothing around it, until the other end of the pipe is closed."""
    server = grpc.aio.server(
        options=[("grpc.so_reuseport", 0), ("grpc.max_send_message_length", -1)]
    )
    server.add_generic_rpc_handlers((service,))
    parent.send(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await _told_to_stop(parent)
    await server.stop(None)


async def _told_to_stop(parent: Connection) -> None:
    """Return once the other end of the pipe is closed."""
    await asyncio.to_thread(parent.poll, None)
