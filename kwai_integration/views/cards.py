"""What a card of *Integrações* says: lifecycle, connection, last import, waiting and failed work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, OuterRef, Q, Subquery
from django.urls import reverse

from erp.accounts.models import Store, StoreLifecycle
from erp.channels import Badge
from erp.outbox.models import PushJob
from erp.outbox.selectors import calls_denied, queue_rests
from erp.outbox.statuses import JobState
from kwai_integration.connection_trouble import denied_sentence, ended, renewal_sentence
from kwai_integration.models import ConnectionHealth, InboundEvent, KwaiOrder, KwaiOrderState, SyncCursor
from kwai_integration.setup.wizard import STEPS, step_number

# Without these no call can be made; what each one is stands in `.env.example`.
APP_NAMES = ("KWAI_APP_KEY", "KWAI_APP_SECRET", "KWAI_SIGN_SECRET")
OPEN_STATES = (KwaiOrderState.QUARANTINED, KwaiOrderState.UNLINKED)

WAITING = (JobState.PENDING, JobState.CLAIMED)


def store_cards(stores: Sequence[Store]) -> list[dict[str, Any]]:
    """One context per store, in a constant number of statements."""
    cursors = SyncCursor.objects.in_bulk([store.pk for store in stores])
    jobs, orders, push_messages = _job_counts(stores), _order_counts(stores), _last_push_messages(stores)
    denied = calls_denied(store_ids=[store.pk for store in stores])
    rests = queue_rests(store_ids=[store.pk for store in stores])
    return [
        {
            "store": store,
            "lifecycle": lifecycle_badge(store),
            "cursor": cursors.get(store.pk),
            "jobs": jobs.get(store.pk, {}),
            "problems": _problems(store, denied.get(store.pk, []), rests.get(store.pk, "")),
            "needs_consent": store.pk in denied
            or store.kwai_account.asks_consent
            or not store.kwai_account.is_connected,
            "open_orders": orders.get(store.pk, 0),
            "last_push_message_at": push_messages.get(store.pk),
            "webhook_url": settings.PUBLIC_URL + reverse("kwai:webhook"),
            "is_draft": store.lifecycle == StoreLifecycle.DRAFT,
            **connection_facts(store),
        }
        for store in stores
    ]


def _problems(store: Store, denied: Sequence[str], rest: str) -> list[str]:
    """What keeps a part of this store's work waiting although it is connected."""
    account, found = store.kwai_account, []
    if account.is_connected and account.refresh_problem:
        found.append(renewal_sentence(account))
    if denied:
        sentence = denied_sentence(denied)
        found.append(sentence[0].upper() + sentence[1:])
    if rest:
        found.append(f"{ended(rest)} Os envios da loja esperam e o ERP testa de novo sozinho.")
    return found


def lifecycle_badge(store: Store, step: int | None = None) -> Badge:
    """*Em configuração (etapa n de m)*, *Ativa*, *Inativa*; *Não conectada* when somebody disconnected it.

    `step` is the number of the step that is open; without it, the one where the wizard goes on.
    """
    lifecycle = StoreLifecycle(store.lifecycle)
    if lifecycle is StoreLifecycle.DRAFT:
        number = step or step_number(store.kwai_settings.setup_step)
        return Badge(f"{lifecycle.label} (etapa {number} de {len(STEPS)})", lifecycle.colour)
    if store.kwai_account.health == ConnectionHealth.DISCONNECTED:
        return Badge("Não conectada", "secondary")
    return Badge(lifecycle.label, lifecycle.colour)


def connection_facts(store: Store) -> dict[str, Any]:
    """`health` with the countdown of the consent, and `expires_in_days` while connected."""
    account = store.kwai_account
    return {
        "health": account.connection,
        "expires_in_days": account.consent_days_left,
        "app_missing": app_missing(),
    }


def app_missing() -> str:
    """What `.env` lacks to speak to Kwai at all, as a sentence for who administers the system."""
    names = [name for name in APP_NAMES if not getattr(settings, name)]
    if not names:
        return ""
    verb = "Faltam" if len(names) > 1 else "Falta"
    return (
        f"{verb} {', '.join(names)} no arquivo .env do ERP: são os dados do aplicativo cadastrado no Kwai. "
        "Quem administra o servidor preenche e reinicia o ERP; depois conecte a loja."
    )


def _job_counts(stores: Sequence[Store]) -> dict[int, dict[str, int]]:
    """Of what is not finished: the history is never read."""
    open_jobs = PushJob.objects.filter(store__in=stores, state__in=(*WAITING, JobState.BLOCKED))
    rows = open_jobs.values("store_id").annotate(
        waiting=Count("pk", filter=Q(state__in=WAITING)),
        blocked=Count("pk", filter=Q(state=JobState.BLOCKED)),
    )
    return {row["store_id"]: {"waiting": row["waiting"], "blocked": row["blocked"]} for row in rows}


def _order_counts(stores: Sequence[Store]) -> dict[int, int]:
    rows = KwaiOrder.objects.filter(store__in=stores, state__in=OPEN_STATES).values_list("store_id")
    return dict(rows.annotate(count=Count("pk")).order_by())


def _last_push_messages(stores: Sequence[Store]) -> dict[int, datetime | None]:
    """When each store's latest push message came; one look into the index for each."""
    latest = InboundEvent.objects.filter(store=OuterRef("pk")).order_by("-received_at")
    rows = Store.objects.filter(pk__in=[store.pk for store in stores])
    return dict(
        rows.annotate(push_message_at=Subquery(latest.values("received_at")[:1])).values_list(
            "pk", "push_message_at"
        )
    )
