"""The one door to the outside: every outgoing HTTP request of the product passes through `call`.

What it promises:

- never an automatic retry, never a redirect followed, no proxy or password taken from the environment;
- connect within 5 s, no silence longer than 10 s, and the whole call over within 25 s of a monotonic clock,
  however slowly the other side drips its answer;
- an answer larger than 32 MB, also after decompression, is refused while it arrives;
- no call while a database transaction is open;
- errors that tell "nothing was sent" from "sent, outcome unknown" and carry no address, query or secret.
"""

from erp.http.calling import HIDDEN, SECRET_NAMES, Answer, call, redacted
from erp.http.errors import (
    AddressRefused,
    AnswerTooLarge,
    DeadlineExceeded,
    HttpError,
    InsideTransaction,
    RedirectRefused,
    RequestNotSent,
    RequestOutcomeUnknown,
)
from erp.http.outgoing import Limits

__all__ = [
    "HIDDEN", "SECRET_NAMES", "AddressRefused", "Answer", "AnswerTooLarge", "DeadlineExceeded", "HttpError",
    "InsideTransaction", "Limits", "RedirectRefused", "RequestNotSent", "RequestOutcomeUnknown", "call",
    "redacted",
]  # fmt: skip
