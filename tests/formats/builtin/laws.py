"""What holds for the files of every built-in format, however they reach us."""

from __future__ import annotations

from collections.abc import Iterable

from formats.partner_layouts import Reading, read
from handback.formats.findings import Severity
from handback.formats.layout import Layout

# Where a record stands in its file, and its bytes: not what it says.
_PLACE = ("ordinal", "line", "raw")


def outcomes(reading: Reading) -> list[tuple[object, ...]]:
    """What the records of a file say, in order."""
    return reading.details.drop(_PLACE).rows()


def outcomes_in_any_order(reading: Reading) -> list[str]:
    """What the records of a file say, in an order of their own."""
    return sorted(map(repr, outcomes(reading)))


def assert_sound(layout: Layout, content: bytes) -> Reading:
    """The file has no findings."""
    reading = read(layout, content)
    assert reading.findings.is_empty(), reading.findings.rows()
    return reading


def assert_cut_is_told(layout: Layout, content: bytes, lengths: Iterable[int]) -> None:
    """Of the file nothing is believed when only so many bytes of it came."""
    for length in lengths:
        assert read(layout, content[:length]).facts.worst is Severity.QUARANTINE, length


def dressed(content: bytes) -> dict[str, bytes]:
    """The same lines, which end in LF, as other systems would have sent them."""
    lines = content.splitlines()
    return {
        "crlf": b"\r\n".join([*lines, b""]),
        "cr": b"\r".join([*lines, b""]),
        "no last line end": b"\n".join(lines),
        "byte order mark": b"\xef\xbb\xbf" + content,
        "trailing blanks": b"\n".join(line + b"  " for line in lines) + b"\n",
        "blank lines": b"\n\n".join(lines) + b"\n\n",
        "control z": content + b"\x1a",
    }


def assert_dress_means_nothing(layout: Layout, content: bytes) -> None:
    """Line ends, a byte order mark and blanks change no outcome."""
    plain = outcomes(assert_sound(layout, content))
    for dress, other in dressed(content).items():
        assert outcomes(assert_sound(layout, other)) == plain, dress
