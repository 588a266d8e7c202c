"""*Ativar*: every check first, then the step itself."""

from __future__ import annotations

from erp.accounts.models import Store, User
from kwai_integration.setup.step import SetupCheck
from kwai_integration.setup.step_review import live_checks
from kwai_integration.setup.stores import store_activate
from kwai_integration.setup.wizard import blocking, checks_of


def activation_try(*, store: Store, user: User) -> list[SetupCheck]:
    """Activate the store when nothing forbids it; the checks that do, and then nothing has changed.

    Calls Kwai, so it runs outside any transaction. Raises StoreRefused when the connection ended between
    the call and the step.
    """
    found = blocking(checks_of(store)) or blocking(live_checks(store))
    if not found:
        store_activate(store=store, user=user)
    return found
