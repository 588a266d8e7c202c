"""The seller centre: pages for people under `/_sandbox/`, in Portuguese, without JavaScript."""

from kwai_sandbox.centre import breaking, connections, listings, orders, records, start
from kwai_sandbox.centre.blueprint import blueprint

__all__ = ["blueprint", "breaking", "connections", "listings", "orders", "records", "start"]
