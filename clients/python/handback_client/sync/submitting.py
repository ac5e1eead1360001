# Generated from handback_client/aio by async_to_sync.py; do not edit.
"""Submissions in bulk over one stream, sent ahead of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from random import random

from handback_client._stubs.v1 import redemptions_pb2
from handback_client._stubs.v1.redemptions_pb2_grpc import RedemptionServiceStub
from handback_client.bulk import BATCH_SIZE, SILENCE_S, Batch, Bulk
from handback_client.convert import submission_message, submit_outcome
from handback_client.errors import HandbackError
from handback_client.keys import new_request_key
from handback_client.models import Submission, SubmitOutcome
from handback_client.sync.connection import Connection
from handback_client.sync.runtime import Queue, sleep
from handback_client.sync.stream import Stream


class SubmitStream:
    """One stream to the server: batches go in, answers come out in the same order."""

    def __init__(self, connection: Connection) -> None:
        self._programme = connection.programme
        self._requests: Queue[redemptions_pb2.SubmitRedemptionsRequest | None] = Queue()
        stub = RedemptionServiceStub(connection.channel)
        call = stub.SubmitRedemptions(self._taken(), metadata=connection.call_metadata())
        self._answers = Stream(call, SILENCE_S)

    def _taken(self) -> Iterator[redemptions_pb2.SubmitRedemptionsRequest]:
        """The requests as gRPC takes them, in a task or thread of its own."""
        while (request := self._requests.get()) is not None:
            yield request

    def send(self, batch: Batch) -> None:
        """Put a batch on its way; never waits, for the window bounds what is under way."""
        request = redemptions_pb2.SubmitRedemptionsRequest(
            programme=self._programme, submissions=map(submission_message, batch)
        )
        self._requests.put_nowait(request)

    def answer(self) -> redemptions_pb2.SubmitRedemptionsResponse:
        """The next answer. Raises the HandbackError that the stream ended with."""
        return self._answers.next()

    def finish(self) -> None:
        """Say that nothing more follows, and wait for the server to end the stream."""
        self._requests.put_nowait(None)
        try:
            self.answer()
        except HandbackError:
            return  # every answer is here, so nothing can be lost any more

    def close(self) -> None:
        """Drop the stream."""
        self._requests.put_nowait(None)
        self._answers.close()


class BulkSubmit:
    """Submissions in, outcomes out, through as many streams as it takes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._bulk = Bulk(connection.retry, random, new_request_key)
        self._stream: SubmitStream | None = None

    def outcomes(self, submissions: Iterator[Submission]) -> Iterator[SubmitOutcome]:
        """One outcome for each submission, in order."""
        try:
            for batch in _batches(submissions):
                self._bulk.add(batch)
                self._send()
                while self._bulk.full:
                    for outcome in self._answer():
                        yield outcome
            while self._bulk.waiting:
                for outcome in self._answer():
                    yield outcome
            if self._stream is not None:
                self._stream.finish()
        finally:
            self._close()

    def _answer(self) -> list[SubmitOutcome]:
        """The outcomes of the batch that was sent first, sent again until it is answered."""
        while True:
            try:
                answer = self._send().answer()
            except HandbackError as error:
                self._close()
                pause_s = self._bulk.pause_after(error)
                if pause_s is None:
                    raise
                sleep(pause_s)
            else:
                return list(map(submit_outcome, self._bulk.answered(), answer.outcomes))

    def _send(self) -> SubmitStream:
        """Send what is not sent, on the stream there is or a new one."""
        if self._stream is None:
            self._stream = SubmitStream(self._connection)
        while (batch := self._bulk.send()) is not None:
            self._stream.send(batch)
        return self._stream

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _batches(submissions: Iterator[Submission]) -> Iterator[list[Submission]]:
    """Submissions in lists of the size one message takes, the last one shorter."""
    batch: list[Submission] = []
    for submission in submissions:
        batch.append(submission)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch
