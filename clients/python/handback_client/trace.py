"""The caller's trace goes with the call, where the caller traces with OpenTelemetry.

This package does not depend on OpenTelemetry and never imports it: a current span can exist only
in a program that has imported it already.
"""

from __future__ import annotations

import sys


def trace_metadata() -> tuple[tuple[str, str], ...]:
    """W3C trace context of the current span as call metadata; nothing outside a span."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return ()
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ()
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
    metadata = [("traceparent", parent)]
    if context.trace_state:
        metadata.append(("tracestate", context.trace_state.to_header()))
    return tuple(metadata)
