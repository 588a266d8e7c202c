"""What needs a person because of Kwai: orders, pushes, stores. What the connections need is in
`connection_trouble`, what is told once in `conditions`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import ngettext

from erp.accounts.models import Store, User
from erp.accounts.permissions import Permission
from erp.attention.board import rows_count
from erp.attention.register import (
    MOST,
    Item,
    ItemsSource,
    Repair,
    RowsSource,
    Severity,
    Watched,
    register,
    store_subject,
)
from erp.outbox import clearance
from erp.outbox.models import ChannelPause, FirstPush, PushJob, RateLimit, last_blocked_of_subject
from erp.outbox.statuses import FirstStage, WaitReason
from kwai_integration import connection_trouble as trouble
from kwai_integration import push_trouble
from kwai_integration.inbound.import_filter import waits_for_person
from kwai_integration.models import KwaiAccount, KwaiOrder, KwaiSettings, OAuthPause, StatusMapping
from kwai_integration.outbound.kinds import Kind
from kwai_integration.setup.seen import situations_seen
from kwai_integration.situations import roles_of, situations

ORDERS_TO_RECEIVE = "kwai.orders_to_receive"
PUSHES_STOPPED = "kwai.pushes_stopped"

QUEUES: Sequence[tuple[str, Severity, Callable[[User], Iterator[Item]], Watched]] = (
    ("kwai.backlog_late", Severity.DANGER, push_trouble.late_items, push_trouble.late_rows),
    ("kwai.platform_silent", Severity.WARNING, push_trouble.silent_items, push_trouble.resting_rows),
    ("kwai.quota_spent", Severity.WARNING, push_trouble.quota_items, push_trouble.spent_rows),
)
# More unmapped codes than anybody reads; the page of mappings has them all.
MOST_CODES = 20


def sources_register() -> None:
    register(
        RowsSource(
            key=ORDERS_TO_RECEIVE,
            label="Pedidos a receber",
            icon="building-store",
            rows=lambda user: KwaiOrder.objects.visible_to(user).filter(waits_for_person()),
            one="pedido do Kwai espera por você",
            many="pedidos do Kwai esperam por você",
            repair="Receber",
            url_name="kwai:orders",
            query="waiting=you",
            watched=_orders_written,
            built_from=_rules_written,
            order=10,
        )
    )
    register(
        RowsSource(
            key=PUSHES_STOPPED,
            label="Envios parados",
            icon="send",
            rows=lambda user: PushJob.objects.visible_to(user).filter(
                last_blocked_of_subject(), kind__in=list(Kind)
            ),
            one="pedido tem envio ao Kwai parado e espera por você",
            many="pedidos têm envios ao Kwai parados e esperam por você",
            repair="Ver motivos",
            url_name="kwai:jobs",
            query="tab=blocked",
            watched=lambda user: [PushJob.objects.visible_to(user)],
            severity=Severity.WARNING,
        )
    )
    register(
        ItemsSource(
            severities={"kwai.no_store": Severity.WARNING},
            items=_no_store,
            watched=_stores_written,
            permission=Permission.MANAGE,
            on_home=True,
            order=5,
        )
    )
    register(
        ItemsSource(
            severities={
                "kwai.stores_not_working": Severity.WARNING,
                "kwai.situation_unmapped": Severity.WARNING,
            },
            items=_stores,
            watched=lambda user: [*_stores_written(user), *_orders_written(user)],
            permission=Permission.VIEW,
            on_home=True,
            order=5,
        )
    )
    register(
        ItemsSource(
            severities={
                "kwai.application_refused": Severity.DANGER,
                "kwai.secret_refused": Severity.WARNING,
            },
            items=trouble.application_items,
            watched=lambda user: [ChannelPause.objects.all(), OAuthPause.objects.all()],
            permission=Permission.VIEW,
        )
    )
    register(
        ItemsSource(
            severities={
                "kwai.consent_ended": Severity.DANGER,
                "kwai.consent_last_day": Severity.DANGER,
                "kwai.consent_ending": Severity.WARNING,
                "kwai.renewal_lost": Severity.WARNING,
                "kwai.renewal_failing": Severity.WARNING,
                "kwai.call_not_granted": Severity.WARNING,
            },
            items=trouble.connection_items,
            watched=_stores_written,
            permission=Permission.MANAGE,
        )
    )
    for key, severity, items, rows in QUEUES:
        register(
            ItemsSource(
                severities={key: severity},
                items=items,
                watched=rows,
                only_while=rows,
                permission=Permission.VIEW,
            )
        )
    register(
        ItemsSource(
            severities={
                "kwai.first_push_waiting": Severity.WARNING,
                "kwai.first_push_stopped": Severity.DANGER,
                "kwai.first_push_different": Severity.DANGER,
            },
            items=_first_pushes,
            watched=_first_pushes_written,
            only_while=_first_pushes_open,
            permission=Permission.OPERATE,
        )
    )


def _orders_written(user: User) -> list[QuerySet[Any]]:
    return [KwaiOrder.objects.visible_to(user), *_rules_written(user)]


def _rules_written(user: User) -> list[QuerySet[Any]]:
    """What says which orders of which situations come in."""
    own = {"store__in": Store.objects.visible_to(user)}
    return [table.objects.filter(**own) for table in (KwaiSettings, StatusMapping)]


def _stores_written(user: User) -> list[QuerySet[Any]]:
    """The stores, their connections, and the calls that a platform did not grant them."""
    stores = Store.objects.visible_to(user)
    denied = RateLimit.objects.filter(resume_reason=WaitReason.GRANT)
    return [stores, KwaiAccount.objects.filter(store__in=stores), denied]


def _first_pushes_open(user: User) -> list[QuerySet[Any]]:
    return [FirstPush.objects.filter(store__in=Store.objects.visible_to(user), cleared_at__isnull=True)]


def _first_pushes_written(user: User) -> list[QuerySet[Any]]:
    return [*_first_pushes_open(user), PushJob.objects.visible_to(user)]


def _no_store(user: User) -> Iterator[Item]:
    if not trouble.own_stores(user).exists():
        yield Item(
            key="kwai.no_store",
            label="Integração com o Kwai",
            icon="plug",
            sentence="Nenhuma loja do Kwai está instalada: os pedidos chegam depois que você adiciona uma.",
            count=0,
            url=reverse("kwai:stores"),
            repair=Repair("Adicionar integração", reverse("kwai:store_add")),
        )


def _stores(user: User) -> Iterator[Item]:
    """What keeps whole stores, or orders of theirs, from moving."""
    stores = list(trouble.own_stores(user).select_related("kwai_account").order_by("pk"))
    stopped = [store.pk for store in stores if not (store.is_active and store.kwai_account.is_connected)]
    if stopped:
        one, many = "loja do Kwai não está ativa e conectada", "lojas do Kwai não estão ativas e conectadas"
        yield Item(
            key="kwai.stores_not_working",
            label="Integração com o Kwai",
            icon="plug",
            sentence=ngettext(one, many, len(stopped)),
            count=len(stopped),
            url=trouble.stores_url(stopped),
            repair=Repair("Ver", trouble.stores_url(stopped)),
        )
    yield from _unmapped({store.pk: store.name for store in stores}, user)


def _unmapped(names: Mapping[int, str], user: User) -> Iterator[Item]:
    """Situations of orders that nobody gave a meaning; `names` are the stores."""
    table = situations().rows
    unknown = [pair for pair in situations_seen() if pair[0] in names and pair[1] not in table]
    roles = roles_of({store_id for store_id, _ in unknown}) if unknown else {}
    unmapped = [pair for pair in unknown if pair[1] not in roles[pair[0]]][:MOST_CODES]
    rows = {
        (store_id, code): KwaiOrder.objects.filter(store_id=store_id, remote_status=code)[: MOST + 1]
        for store_id, code in unmapped
    }
    for (store_id, code), count in (rows_count(rows, user) if rows else {}).items():
        yield Item(
            key="kwai.situation_unmapped",
            subject=f"{store_subject(store_id)}:{code}",
            label="Situação sem mapeamento",
            icon="map-pin",
            sentence=f"{names[store_id]}: na situação {code} do Kwai, que ninguém mapeou, nada é enviado.",
            count=count,
            url=f"{reverse('kwai:orders')}?{urlencode({'store': store_id, 'status': code})}",
            repair=Repair(
                "abrir Mapeamentos",
                reverse("kwai:store_step", args=[store_id, "mapeamentos"]) + "#situation",
            ),
        )


def _first_pushes(user: User) -> Iterator[Item]:
    """First pushes of a kind that wait for a person; one query."""
    for row in clearance.first_pushes(user=user):
        if item := _first_push(row):
            yield item


def _first_push(row: FirstPush) -> Item | None:
    name = f"{row.store.name}: primeiro envio de {Kind(row.kind).label}"
    subject = f"{store_subject(row.store_id)}:{row.kind}"
    candidate = row.candidate_id  # type: ignore[attr-defined]
    if row.stage is FirstStage.WAITING and candidate is not None:
        waiting: int = row.waiting  # type: ignore[attr-defined]
        rest = ngettext(" Mais %d espera por ele.", " Mais %d esperam por ele.", waiting - 1) % (waiting - 1)
        query = urlencode({"tab": "open", "store": row.store_id, "kind": row.kind})
        return Item(
            key="kwai.first_push_waiting",
            subject=subject,
            sentence=f"{name} espera a sua conferência.{rest if waiting > 1 else ''}",
            count=waiting,
            url=f"{reverse('kwai:jobs')}?{query}",
            repair=Repair("conferir", reverse("kwai:job", args=[candidate])),
        )
    found = STOPPED.get(row.stage)
    if found is None or row.job_id is None:
        return None
    key, text, label = found
    url = reverse("kwai:job", args=[row.job_id])
    return Item(key=key, subject=subject, sentence=f"{name} {text}", url=url, repair=Repair(label, url))


# Per stage that needs a decision: key, what it is, the button.
STOPPED = {
    FirstStage.BLOCKED: (
        "kwai.first_push_stopped",
        "está parado; os outros esperam.",
        "ver o motivo",
    ),
    FirstStage.DIFFERENT: (
        "kwai.first_push_different",
        "saiu, mas o Kwai mostra outra coisa; os outros esperam.",
        "decidir",
    ),
}
