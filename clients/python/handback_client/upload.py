"""A file on its way to the server, in parts; read anew for every try."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from handback_client._stubs.v1.handback_files_pb2 import (
    HandbackFileHeader,
    UploadHandbackFileRequest,
)

# The server takes up to 1 MiB in a part. Half of it keeps the reads of an async caller short.
PART_BYTES = 512 << 10
# The slowest line on which an upload still meets its deadline.
_BYTES_PER_S = 1 << 20


class Upload:
    """The file at a path, or bytes, with what the server needs to know ahead of them."""

    def __init__(
        self,
        source: str | Path | bytes,
        *,
        programme: str,
        partner: str,
        file_name: str,
        request_key: str,
    ) -> None:
        if isinstance(source, bytes):
            if not file_name:
                raise ValueError("bytes need a file_name")
            self._source: bytes | Path = source
            size_bytes = len(source)
        else:
            self._source = Path(source)
            size_bytes = self._source.stat().st_size
            file_name = file_name or self._source.name
        self._header = HandbackFileHeader(
            programme=programme, request_key=request_key, partner=partner, file_name=file_name
        )
        self.extra_s = size_bytes / _BYTES_PER_S

    def parts(self) -> Iterator[UploadHandbackFileRequest]:
        """The header, then the bytes. Raises OSError at once where the file cannot be opened."""
        if isinstance(self._source, bytes):
            return self._parts(BytesIO(self._source))
        return self._parts(self._source.open("rb"))

    def _parts(self, stream: BinaryIO) -> Iterator[UploadHandbackFileRequest]:
        with stream:
            yield UploadHandbackFileRequest(header=self._header)
            while chunk := stream.read(PART_BYTES):
                yield UploadHandbackFileRequest(chunk=chunk)
