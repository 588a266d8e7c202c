"""Making notes: what an order lacks, the interface of an issuer (`issuers.py`), and one attempt at a time."""
