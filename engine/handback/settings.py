"""How a server runs: frozen values, read from `HANDBACK_…` names and checked all at once.

Nothing here reads the environment: `handbackd` passes it in as a mapping. What a partner needs
stands in its agreement, not here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, get_type_hints

from handback.errors import InvalidSettings, Violation

PREFIX: Final = "HANDBACK_"

_STORE: Final = re.compile(r"sqlite:///.|postgresql://.")
_PASSWORD: Final = re.compile(r"(?<=:)[^:@/]*(?=@)|(?<=password=)[^&]*")


@dataclass(frozen=True, slots=True)
class StoreURL:
    """Where the store is; prints without its password."""

    text: str

    def __repr__(self) -> str:
        return _PASSWORD.sub("••••", self.text)

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen on; port 0 takes a free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on the same machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TLS:
    """The files of the server's certificate and key, and of the authority of its callers."""

    certificate: Path
    key: Path
    client_authority: Path


class Setting(NamedTuple):
    """How one setting is declared: the text it has unless set, and what reads such a text."""

    default: str
    read: Callable[[str], object]
    says: str


def _folder(text: str) -> Path:
    if not text:
        raise ValueError("expected a folder")
    return Path(text)


def _store(text: str) -> StoreURL | None:
    if text and not _STORE.match(text):
        # What stands there may hold a password, so it is not repeated.
        raise ValueError("expected sqlite:////path/to/file or postgresql://user@host:port/name")
    return StoreURL(text) if text else None


def _file(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise ValueError(f"expected a file that exists, not {text!r}")
    return Path(text) if text else None


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"expected host:port such as 127.0.0.1:7470, not {text!r}")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.01 <= seconds <= 86_400:
        raise ValueError(f"expected seconds from 0.01 to 86400, not {text!r}")
    return seconds


def _names(text: str) -> frozenset[str]:
    return frozenset(name for part in text.split(",") if (name := part.strip()))


_POLL: Final = "seconds between looks for "


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a server process needs to know before it starts; see `read`."""

    home: Annotated[
        Path,
        Setting("handback-data", _folder, "folder of the embedded store, landing and exchange"),
    ]
    store: Annotated[
        StoreURL,
        Setting("", _store, "sqlite:////path/to/file or postgresql://user@host:port/name"),
    ]
    listen: Annotated[Address, Setting("127.0.0.1:7470", _address, "where callers reach it")]
    tls_cert: Annotated[Path | None, Setting("", _file, "its certificate, a PEM file")]
    tls_key: Annotated[Path | None, Setting("", _file, "the key of it, a PEM file")]
    tls_client_ca: Annotated[Path | None, Setting("", _file, "who vouches for callers, PEM file")]
    max_message_bytes: Annotated[
        int, Setting(f"{16 << 20}", _whole(64 << 10, 1 << 30), "the largest message it takes")
    ]
    max_file_bytes: Annotated[
        int, Setting(f"{1 << 30}", _whole(1 << 10, 1 << 40), "the largest file it is sent")
    ]
    max_watches: Annotated[
        int, Setting("1024", _whole(1, 1_000_000), "how many watches it serves at a time")
    ]
    restricted_readers: Annotated[
        frozenset[str],
        Setting("", _names, "callers who see restricted reasons, by name, between commas"),
    ]
    workers: Annotated[int, Setting("8", _whole(1, 64), "threads that work on the store")]
    horizon: Annotated[
        int, Setting("10000000", _whole(1_000, 2**62), "newest positions a watch may start from")
    ]
    pickup_s: Annotated[float, Setting("2", _seconds, _POLL + "hand-back files")]
    gather_s: Annotated[float, Setting("5", _seconds, _POLL + "what is due")]
    deliver_s: Annotated[float, Setting("2", _seconds, _POLL + "batches to deliver")]
    sequence_s: Annotated[float, Setting("0.5", _seconds, _POLL + "new blocks, unless woken")]
    drain_s: Annotated[float, Setting("20", _seconds, "seconds for running calls when it stops")]

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in a mapping of `HANDBACK_…` names; other names are not looked at.

        Raises InvalidSettings with every mistake.
        """
        mistakes: list[Violation] = []
        values: dict[str, Any] = {}
        for name, setting in declarations().items():
            try:
                read = setting.read(environment.get(name, setting.default))
            except ValueError as mistake:
                mistakes.append(Violation(name, str(mistake)))
            else:
                values[name.removeprefix(PREFIX).lower()] = read
        if mistakes:
            raise InvalidSettings(mistakes)
        values["store"] = values["store"] or _embedded(values["home"])
        settings = cls(**values)
        settings._check_tls()
        return settings

    def _check_tls(self) -> None:
        """Raise InvalidSettings unless there is all of TLS, or none of it and a loopback."""
        missing = [
            f"{PREFIX}{name.upper()}"
            for name in ("tls_cert", "tls_key", "tls_client_ca")
            if getattr(self, name) is None
        ]
        if missing and not self.listen.is_loopback:
            why = f"needed to listen on {self.listen}, which other machines can reach"
        elif 0 < len(missing) < 3:
            why = "needed beside the other TLS files"
        else:
            return
        raise InvalidSettings([Violation(name, why) for name in missing])

    @property
    def tls(self) -> TLS | None:
        """The three files of TLS; None where it is off."""
        if self.tls_cert and self.tls_key and self.tls_client_ca:
            return TLS(self.tls_cert, self.tls_key, self.tls_client_ca)
        return None

    @property
    def exchange(self) -> Path:
        """The folder below which the folders of all agreements lie."""
        return self.home / "exchange"

    @property
    def landing(self) -> Path:
        """The folder that keeps what was received, as it was received."""
        return self.home / "landing"

    def listed(self) -> Mapping[str, str]:
        """Every setting by its name, as text without secrets; for people to read."""
        values = {name: getattr(self, name.removeprefix(PREFIX).lower()) for name in declarations()}
        return {name: _listed(value) for name, value in values.items()}


def _listed(value: object) -> str:
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    return "" if value is None else str(value)


def declarations() -> Mapping[str, Setting]:
    """Every setting by its name in the environment, in the order of its declaration."""
    hints = get_type_hints(Settings, include_extras=True)
    return {f"{PREFIX}{name.upper()}": hint.__metadata__[0] for name, hint in hints.items()}


def _embedded(folder: Path) -> StoreURL:
    return StoreURL(f"sqlite:///{folder / 'handback.db'}")
