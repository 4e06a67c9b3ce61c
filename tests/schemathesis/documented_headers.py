"""Checks of ours for schemathesis: what its own checks let pass."""

import schemathesis

# What HTTP itself puts on an answer; the document does not speak of it.
OF_HTTP = {"connection", "content-encoding", "content-length", "content-type", "date", "etag", "transfer-encoding", "vary"}


@schemathesis.check
def documented_headers(ctx, response, case):
    """The answer has the headers that the document gives to its status, and no others."""
    definition = case.operation.responses.find_by_status_code(response.status_code)
    if definition is None:
        return  # `status_code_conformance` tells.
    documented = {name.lower() for name, _ in definition.headers.items()}
    sent = {name.lower() for name in response.headers} - OF_HTTP
    assert sent == documented, f"undocumented: {sorted(sent - documented)}, missing: {sorted(documented - sent)}"
