"""What callers build on: every service, method, message, field and enum value of handback.v1.

`python tests/server/surface.py` writes it to `released.json`, to be done with every release and
never to make a test pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    FileDescriptor,
)

from handback_server._stubs.v1 import (
    agreements_pb2,
    breaks_pb2,
    events_pb2,
    formats_pb2,
    handback_files_pb2,
    ledger_pb2,
    lifecycle_pb2,
    payouts_pb2,
    redemptions_pb2,
    reports_pb2,
)

RELEASED = Path(__file__).parent / "released.json"
FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        agreements_pb2,
        breaks_pb2,
        events_pb2,
        formats_pb2,
        handback_files_pb2,
        ledger_pb2,
        lifecycle_pb2,
        payouts_pb2,
        redemptions_pb2,
        reports_pb2,
    )
)


def surface() -> dict[str, str]:
    """One line of text for each thing callers build on, by its path."""
    lines: dict[str, str] = {}
    for file in FILES:
        for message in file.message_types_by_name.values():
            _add_message(lines, message)
        for enum in file.enum_types_by_name.values():
            _add_enum(lines, enum)
        for service in file.services_by_name.values():
            for method in service.methods:
                asks = ("stream " if method.client_streaming else "") + method.input_type.full_name
                gives = method.output_type.full_name
                gives = ("stream " if method.server_streaming else "") + gives
                lines[f"{service.full_name}/{method.name}"] = f"{asks} -> {gives}"
    return dict(sorted(lines.items()))


def _add_message(lines: dict[str, str], message: Descriptor) -> None:
    for field in message.fields:
        lines[f"{message.full_name}.{field.number}"] = f"{field.name}: {_type_of(field)}"
    for nested in message.nested_types:
        _add_message(lines, nested)
    for enum in message.enum_types:
        _add_enum(lines, enum)


def _add_enum(lines: dict[str, str], enum: EnumDescriptor) -> None:
    for value in enum.values:
        lines[f"{enum.full_name}.{value.number}"] = value.name


def _type_of(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    kind = named.full_name if named is not None else _SCALARS[field.type]
    if field.is_repeated:
        return f"repeated {kind}"
    oneof = field.containing_oneof
    return f"{kind} in {oneof.name}" if oneof is not None else kind


_SCALARS: dict[Any, str] = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(surface(), indent=1) + "\n")
