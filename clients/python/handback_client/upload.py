"""A file on its way to the server, in parts; read anew for every try."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import chain
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


class Content:
    """The file at a path, or bytes that have a name; read anew each time it is asked for."""

    def __init__(self, source: str | Path | bytes, file_name: str = "") -> None:
        if isinstance(source, bytes):
            if not file_name:
                raise ValueError("bytes need a file_name")
            self._source: bytes | Path = source
            size_bytes = len(source)
        else:
            self._source = Path(source)
            size_bytes = self._source.stat().st_size
        self.file_name = file_name or Path(str(source)).name
        self.extra_s = size_bytes / _BYTES_PER_S

    def chunks(self) -> Iterator[bytes]:
        """The bytes in parts. Raises OSError at once where the file cannot be opened."""
        # Nobody closes what is never asked for a part, so it is opened to stay with the first one.
        self._open().close()
        return self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        with self._open() as stream:
            while chunk := stream.read(PART_BYTES):
                yield chunk

    def _open(self) -> BinaryIO:
        if isinstance(self._source, bytes):
            return BytesIO(self._source)
        return self._source.open("rb")


class Upload:
    """A file with what the server needs to know ahead of its bytes."""

    def __init__(
        self,
        source: str | Path | bytes,
        *,
        programme: str,
        partner: str,
        file_name: str,
        request_key: str,
    ) -> None:
        self._content = Content(source, file_name)
        self._header = HandbackFileHeader(
            programme=programme,
            request_key=request_key,
            partner=partner,
            file_name=self._content.file_name,
        )
        self.extra_s = self._content.extra_s

    def parts(self) -> Iterator[UploadHandbackFileRequest]:
        """The header, then the bytes. Raises OSError at once where the file cannot be opened."""
        header = UploadHandbackFileRequest(header=self._header)
        chunks = self._content.chunks()
        return chain([header], (UploadHandbackFileRequest(chunk=chunk) for chunk in chunks))
