"""How a client reaches its server: certificates and the settings of the gRPC channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grpc

DEFAULT_TARGET = "127.0.0.1:7470"

_OPTIONS: Mapping[str, int | str] = {
    # gRPC waits up to two minutes between connection attempts by default; we are missed sooner.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5_000,
    # A watch on a quiet stream has to notice a peer that vanished without a word.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.http2.max_pings_without_data": 0,
    # Batches and watches have messages larger than gRPC's default bound of 4 MiB.
    "grpc.max_receive_message_length": 64 << 20,
    "grpc.max_send_message_length": 64 << 20,
    "grpc.service_config_disable_resolution": 1,
}


@dataclass(frozen=True, slots=True)
class TLS:
    """Certificates in PEM form.

    `authorities` are trusted to vouch for the server, the system's own where None; `certificate`
    and `key` prove to the server who calls (mTLS) and are given together or not at all.
    """

    authorities: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")

    @classmethod
    def from_files(
        cls,
        authorities: str | Path | None = None,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
    ) -> TLS:
        """The certificates in these PEM files. Raises OSError for a file that cannot be read."""
        return cls(
            *(
                None if path is None else Path(path).read_bytes()
                for path in (authorities, certificate, key)
            )
        )

    def credentials(self) -> grpc.ChannelCredentials:
        """These certificates as gRPC wants them."""
        return grpc.ssl_channel_credentials(self.authorities, self.key, self.certificate)


def channel_options(chosen: Mapping[str, int | str] | None) -> list[tuple[str, int | str]]:
    """Our settings of the channel with the caller's on top, by gRPC's names (`grpc.…`)."""
    return list({**_OPTIONS, **(chosen or {})}.items())
