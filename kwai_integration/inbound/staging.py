"""First step: every answer of the platform becomes a `KwaiOrder`, whatever is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from erp.accounts.models import Store
from erp.outbox.commands import jobs_wake
from erp.rows import Snapshot, rows_insert, rows_update, rows_values
from erp.sales.services import order_events_append
from invoices.sending import invoices_judged
from kwai_integration import refusals
from kwai_integration.inbound.closing import orders_shipped_late
from kwai_integration.inbound.isolation import failing_isolate
from kwai_integration.inbound.orders.rules import KnownRules
from kwai_integration.inbound.payload import Kept, answers_write, payload_keep
from kwai_integration.inbound.refunds import REFUNDS
from kwai_integration.mapping import fields
from kwai_integration.mapping.digest import order_digest
from kwai_integration.mapping.orders import CLOCK_TOLERANCE, MappedOrder, Problem, order_read, summary
from kwai_integration.mapping.warnings import UNREAD, Warn
from kwai_integration.models import FORMER_FIELDS, KwaiOrder, KwaiOrderState
from kwai_integration.names import names
from kwai_integration.outbound.healing import pushes_heal
from kwai_integration.outbound.invoices import verdict_events
from kwai_integration.situations import store_roles
from kwai_integration.wire.codes import SHIPPED_ROLES, VERDICTS, KwaiInvoiceStatus, KwaiRole

# What a new version of the answer may change; the rest belongs to `receive`.
STAGED_FIELDS = [
    "state",
    "problem_code",
    "problem",
    "warnings",
    "remote_status",
    "buyer_name",
    "summary",
    "total",
    "placed_at",
    "ship_by_at",
    "invoice_status",
    "invoice_refusal_reason",
    "remote_carrier_code",
    "remote_tracking_code",
    "shipping_type",
    "payment_code",
    "first_shipped_at",
    "refund_reported",
    "digest",
    "remote_updated_at",
    "fetch_started_at",
]
LEFT_OUT = (Warn.AMOUNT_UNREADABLE, Warn.MOMENT_UNREADABLE)
# Columns of lists that are made of fields of another name.
SHOWN_FROM = {
    "buyer_name": ("address",),
    "summary": ("lines", "line_details"),
    "total": ("lines", "total"),
    "invoice_refusal_reason": ("invoice_status", "invoice_refusal_reason"),
    "remote_carrier_code": ("carrier_code",),
    "remote_tracking_code": ("tracking_code",),
    "payment_code": ("payments",),
    "refund_reported": ("refund_status",),
}
NO_ID = "sem-id-"
TOO_LARGE = Problem(
    "payload_too_large",
    "A resposta do Kwai para este pedido passa de 1 MB e foi guardada cortada. Confira no Kwai.",
    "",
)
DETAILS_MISSING = "details_missing"
DETAILS_FAILED = "details_failed"
MISSING_TEXTS = {DETAILS_MISSING: refusals.DETAILS_MISSING, DETAILS_FAILED: refusals.DETAILS_FAILED}


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """An answer as the mapping understood it, with what it depends on: the answer and the store's roles."""

    digest: str
    roles: Mapping[str, KwaiRole]
    mapped: MappedOrder | Problem = field(repr=False)

    def holds_for(self, row: KwaiOrder, roles: Mapping[str, KwaiRole]) -> bool:
        return self.digest == row.digest and self.roles == roles


@dataclass(frozen=True, slots=True)
class StepResult:
    """What became of a page: ids of `KwaiOrder`, by what happened to the row."""

    created: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    unchanged: tuple[int, ...] = ()
    older: tuple[int, ...] = ()
    quarantined: tuple[int, ...] = ()
    # Stored answers that `receive` has not looked at yet: newly stored ones, and those left by a crash.
    pending: tuple[int, ...] = ()
    # Those of them that no one has received: a store may want a click for these.
    waiting: frozenset[int] = frozenset()
    # What was read of them just now, by id, so that `receive` need not read it again.
    read: Mapping[int, ReadAnswer] = field(default_factory=dict, repr=False)

    @property
    def ids(self) -> tuple[int, ...]:
        return self.created + self.changed + self.unchanged + self.older

    def __add__(self, other: StepResult) -> StepResult:
        return StepResult(
            created=self.created + other.created,
            changed=self.changed + other.changed,
            unchanged=self.unchanged + other.unchanged,
            older=self.older + other.older,
            quarantined=self.quarantined + other.quarantined,
            pending=self.pending + other.pending,
            waiting=self.waiting | other.waiting,
            read={**self.read, **other.read},
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """One raw answer with what versions are compared by."""

    external_id: str
    digest: str
    updated_at: datetime | None
    raw: Any = field(repr=False)
    # Codes of the situation that were said beside this answer, by answers that lost to it: a parcel that had
    # left stays one that had left.
    passed: tuple[tuple[str, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True)
class _FilledRow:
    """A row with what its answer says, unwritten; `read` where the stored form is the very answer."""

    row: KwaiOrder
    kept: Kept
    read: ReadAnswer | None


def kwai_orders_stage(
    *,
    store: Store,
    details: Sequence[Any],
    fetch_started_at: datetime,
    known_rules: KnownRules | None = None,
    anew: Collection[str] = (),
) -> StepResult:
    """Store the answers of one page of details; `fetch_started_at` is the moment before the call.

    Never fails for what an answer holds: one that cannot be used is quarantined with its reason. The
    number of statements does not depend on the page. `anew` are numbers of orders whose answer is stored also
    when it is the known one.
    """
    parts = failing_isolate(
        _answers(details, fetch_started_at),
        lambda answers: _batch_store(store, answers, fetch_started_at, known_rules, anew),
        lambda answer: _poison_store(store, answer, fetch_started_at),
    )
    return sum(parts, StepResult())


def kwai_orders_invoice_missing(
    *, store: Store, external_ids: Iterable[str], code: str, fetch_started_at: datetime
) -> None:
    """Leave a visible row for orders the platform names but does not hand out; `code` is
    DETAILS_MISSING or DETAILS_FAILED. Orders already stored stay as they are."""
    KwaiOrder.objects.bulk_create(
        [
            KwaiOrder(
                store=store,
                external_id=external_id,
                state=KwaiOrderState.QUARANTINED,
                problem_code=code,
                problem=MISSING_TEXTS[code],
                fetch_started_at=fetch_started_at,
            )
            for external_id in external_ids
        ],
        ignore_conflicts=True,
    )


def _answers(details: Sequence[Any], fetch_started_at: datetime) -> list[_Answer]:
    """One answer per order: of an order that stands twice in the page the newer one, else the later."""
    newest: dict[str, _Answer] = {}
    for raw in details:
        answer = _answer(raw, fetch_started_at)
        rival = newest.get(answer.external_id)
        if rival is None:
            newest[answer.external_id] = answer
            continue
        lost, won = (answer, rival) if _is_older(answer.updated_at, rival.updated_at) else (rival, answer)
        passed = (*rival.passed, (_code(lost), lost.updated_at))
        newest[answer.external_id] = replace(won, passed=passed)
    return list(newest.values())


def _code(answer: _Answer) -> str:
    return fields.remote_code(fields.record(answer.raw).get(names().order.status))


def _shipped_at(
    answer: _Answer, roles: Mapping[str, KwaiRole], fetch_started_at: datetime
) -> datetime | None:
    """When the earliest of these answers told that the parcel was on its way; None when none did."""
    reported = [*answer.passed, (_code(answer), answer.updated_at)]
    moments = [at or fetch_started_at for code, at in reported if roles.get(code) in SHIPPED_ROLES]
    return min(moments, default=None)


def _late_shipped_note(
    answers: Sequence[_Answer],
    rows: Sequence[KwaiOrder],
    roles: Mapping[str, KwaiRole],
    fetch_started_at: datetime,
) -> None:
    """An answer that came too late to be stored still tells that the parcel had left."""
    changes = {answer.external_id: _shipped_at(answer, roles, fetch_started_at) for answer in answers}
    late = [row for row in rows if row.first_shipped_at is None and changes[row.external_id]]
    for row in late:
        row.first_shipped_at = changes[row.external_id]
    if late:
        rows_update(late, ["first_shipped_at"])
        orders_shipped_late([row.order_id for row in late if row.order_id])


def _answer(raw: Any, fetch_started_at: datetime) -> _Answer:
    entry, digest, wire = fields.record(raw), order_digest(raw), names().order
    # Without a number of its own an answer is known by its content: the same one is stored once.
    external_id = fields.remote_id(entry.get(wire.id)) or f"{NO_ID}{digest[:32]}"
    updated_at = fields.moment(entry.get(wire.updated_at))
    if updated_at and updated_at > fetch_started_at + CLOCK_TOLERANCE:
        updated_at = None
    return _Answer(external_id, digest, updated_at, raw)


def _is_older(updated_at: datetime | None, than: datetime | None) -> bool:
    return updated_at is not None and than is not None and updated_at < than


def _batch_store(
    store: Store,
    answers: Sequence[_Answer],
    fetch_started_at: datetime,
    known_rules: KnownRules | None,
    anew: Collection[str],
) -> StepResult:
    # One stager per store at a time: two first sights of an order never race for its row. Rows that
    # refer to the store are not held up by this kind of lock.
    Store.objects.select_for_update(no_key=True).only("pk").get(pk=store.pk)
    known = _known_rows(store, [answer.external_id for answer in answers])
    unchanged, changes = _parted(answers, known, anew)
    older = [known[a.external_id] for a in changes if _loses(a, known.get(a.external_id), fetch_started_at)]
    before = rows_values(known.values(), STAGED_FIELDS)
    needs_roles = bool(changes) or any(answer.passed for answer in answers)
    roles = _roles(store.pk, known_rules) if needs_roles else {}
    winners = _without(changes, older)
    filled = [_filled(known, store, answer, fetch_started_at, roles) for answer in winners]
    fresh = [each.row for each in filled]
    created, changed = _rows_write(filled, known, before)
    _late_shipped_note(answers, [*older, *unchanged], roles, fetch_started_at)
    judged = _judged_anew(changed, before)
    _verdicts_tell(judged)
    _verdicts_keep(judged)
    pushes_heal([*changed, *unchanged], accepted=_accepted(judged))
    pending = _pending([*fresh, *unchanged, *older])
    return StepResult(
        created=_pks(created),
        changed=_pks(changed),
        unchanged=_pks(unchanged),
        older=_pks(older),
        quarantined=_pks(_of_state(KwaiOrderState.QUARANTINED, fresh)),
        pending=_pks(pending),
        waiting=frozenset(_pks(_of_state(KwaiOrderState.STAGED, pending))),
        read={each.row.pk: each.read for each in filled if each.read},
    )


def _roles(store_id: int, known_rules: KnownRules | None) -> Mapping[str, KwaiRole]:
    return known_rules.read({store_id}).roles[store_id] if known_rules else store_roles(store_id)


def _judged_anew(changed: Sequence[KwaiOrder], before: Snapshot) -> list[KwaiOrder]:
    """Rows whose note Kwai judges otherwise than before."""
    return [row for row in changed if row.invoice_status != before[row.pk]["invoice_status"]]


def _parted(
    answers: Sequence[_Answer], known: Mapping[str, KwaiOrder], anew: Collection[str]
) -> tuple[list[KwaiOrder], list[_Answer]]:
    """The rows whose answer is the known one, and the answers that are not."""
    equal = [
        _is_equal(answer, known.get(answer.external_id)) and answer.external_id not in anew
        for answer in answers
    ]
    pairs = list(zip(answers, equal, strict=True))
    return [known[a.external_id] for a, same in pairs if same], [a for a, same in pairs if not same]


def _rows_write(
    filled: Sequence[_FilledRow], known: Mapping[str, KwaiOrder], before: Snapshot
) -> tuple[list[KwaiOrder], list[KwaiOrder]]:
    """The rows that are new, and those that were here."""
    created = [each for each in filled if each.row.external_id not in known]
    changed = [each for each in filled if each.row.external_id in known]
    if created:
        rows_insert([each.row for each in created])
        answers_write({each.row.pk: each.kept for each in created}, are_new=True)
    if changed:
        rows_update([each.row for each in changed], [*STAGED_FIELDS, *FORMER_FIELDS], before=before)
        answers_write({each.row.pk: each.kept for each in changed})
    return [each.row for each in created], [each.row for each in changed]


def _known_rows(store: Store, external_ids: list[str]) -> dict[str, KwaiOrder]:
    """Locked in a fixed order."""
    rows = (
        KwaiOrder.objects.select_for_update()
        .filter(store=store, external_id__in=external_ids)
        .order_by("pk")
        .defer(*FORMER_FIELDS)
    )
    return {row.external_id: row for row in rows}


def _pks(rows: Iterable[KwaiOrder]) -> tuple[int, ...]:
    return tuple(row.pk for row in rows)


def _accepted(rows: Iterable[KwaiOrder]) -> set[str]:
    return {row.external_id for row in rows if row.invoice_status == KwaiInvoiceStatus.ACCEPTED}


def _verdicts_keep(rows: Sequence[KwaiOrder]) -> None:
    by_verdict: dict[bool, list[int]] = {True: [], False: []}
    for row in rows:
        if row.order_id is not None:
            by_verdict[row.invoice_status in VERDICTS].append(row.order_id)
    for judged, order_ids in by_verdict.items():
        invoices_judged(order_ids=order_ids, judged=judged)


def _verdicts_tell(rows: Sequence[KwaiOrder]) -> None:
    """Kwai's verdict on a note belongs to the order's history: later answers overwrite the column."""
    if drafts := verdict_events(rows):
        order_events_append(drafts=drafts)
    judged = [row for row in rows if row.invoice_status in VERDICTS]
    if judged:
        # What waits for this verdict need not wait for its next look.
        jobs_wake(store_id=judged[0].store_id, subjects=[row.external_id for row in judged])


def _is_equal(answer: _Answer, row: KwaiOrder | None) -> bool:
    return row is not None and row.digest == answer.digest


def _loses(answer: _Answer, row: KwaiOrder | None, fetch_started_at: datetime) -> bool:
    """The older update time never wins; without two of them the later fetch wins."""
    if row is None:
        return False
    if answer.updated_at and row.remote_updated_at and answer.updated_at != row.remote_updated_at:
        return answer.updated_at < row.remote_updated_at
    # A fetch that began in the future began by a clock that was ahead.
    return fetch_started_at < row.fetch_started_at <= timezone.now()


def _without(answers: Iterable[_Answer], rows: Iterable[KwaiOrder]) -> list[_Answer]:
    known = {row.external_id for row in rows}
    return [answer for answer in answers if answer.external_id not in known]


def _pending(rows: Iterable[KwaiOrder]) -> list[KwaiOrder]:
    """Those whose answer nobody has received."""
    usable = [row for row in rows if row.state != KwaiOrderState.QUARANTINED]
    return [row for row in usable if row.digest != row.received_digest]


def _of_state(state: KwaiOrderState, rows: Iterable[KwaiOrder]) -> list[KwaiOrder]:
    return [row for row in rows if row.state == state]


def _filled(
    known: Mapping[str, KwaiOrder],
    store: Store,
    answer: _Answer,
    fetch_started_at: datetime,
    roles: Mapping[str, KwaiRole],
) -> _FilledRow:
    row = known.get(answer.external_id) or KwaiOrder(store=store, external_id=answer.external_id)
    kept = payload_keep(answer.raw)
    row.payload, row.payload_bytes = "", None
    row.digest, row.fetch_started_at = answer.digest, fetch_started_at
    row.remote_updated_at = answer.updated_at
    # What is stored is what `receive` reads, so a part that was left out is unread here too.
    source = answer.raw if kept.is_whole else kept.load()
    mapped = order_read(source, fetch_started_at, roles, names())
    read = ReadAnswer(row.digest, roles, mapped) if kept.is_literal else None
    problem = TOO_LARGE if not kept.is_whole else usable_problem(row, mapped)
    if isinstance(mapped, MappedOrder):
        mapped_show(row, mapped)
    if row.first_shipped_at is None:
        row.first_shipped_at = _shipped_at(answer, roles, fetch_started_at)
    if problem and row.order_id is None:
        order_quarantine(row, problem.code, problem.reason)
    return _FilledRow(row, kept, read)


def usable_problem(row: KwaiOrder, mapped: MappedOrder | Problem) -> Problem | None:
    """Why this answer makes no new order; one that is here already is followed as far as it can be read."""
    if isinstance(mapped, Problem):
        return mapped
    return mapped.problem if row.order_id is None else None


def order_quarantine(row: KwaiOrder, code: str, reason: str) -> None:
    """Mark `row` (not saved) as unusable; `reason` is what the operator reads."""
    row.state = KwaiOrderState.QUARANTINED
    row.problem_code, row.problem = code, reason[:500]


def mapped_show(row: KwaiOrder, mapped: MappedOrder) -> None:
    """What lists show; of a field that could not be read the row keeps what it knew."""
    if row.state == KwaiOrderState.QUARANTINED:
        row.state = KwaiOrderState.RECEIVED if row.order_id else KwaiOrderState.STAGED
    row.problem_code = row.problem = ""
    row.remote_updated_at = mapped.remote_updated_at
    # Of an order that is here an unreadable part is kept, not left out: the part's own warning says so.
    said = [code for code in mapped.warnings if row.order_id is None or code not in LEFT_OUT]
    row.warnings = [*said, *(f"{UNREAD}{part}" for part in mapped.unread_parts)]
    values = {
        "remote_status": mapped.remote_status,
        "buyer_name": mapped.buyer.name,
        "summary": summary(mapped),
        "total": mapped.total,
        "placed_at": mapped.placed_at,
        "ship_by_at": mapped.ship_by_at,
        "invoice_status": mapped.invoice_status,
        "invoice_refusal_reason": mapped.invoice_refusal_reason,
        "remote_carrier_code": mapped.carrier_code,
        "remote_tracking_code": mapped.tracking_code,
        "shipping_type": mapped.shipping_type,
        "payment_code": mapped.payment_code,
        "refund_reported": REFUNDS[mapped.refund_status],
    }
    for name, value in values.items():
        if row.pk is None or not mapped.unread.intersection(SHOWN_FROM.get(name, (name,))):
            setattr(row, name, value)
    if row.first_shipped_at is None and mapped.role in SHIPPED_ROLES:
        row.first_shipped_at = mapped.remote_updated_at or row.fetch_started_at


@transaction.atomic
def _poison_store(store: Store, answer: _Answer, fetch_started_at: datetime) -> StepResult:
    """Keep an answer that broke the write, as bytes: the one form that every database takes."""
    known = KwaiOrder.objects.select_for_update().filter(store=store, external_id=answer.external_id)
    row = known.defer(*FORMER_FIELDS).first() or KwaiOrder(store=store, external_id=answer.external_id)
    row.payload, row.payload_bytes = "", None
    row.digest, row.fetch_started_at = answer.digest, fetch_started_at
    order_quarantine(
        row,
        "not_storable",
        "O conteúdo deste pedido não pôde ser guardado. Confira o pedido no Kwai e avise o suporte do ERP; "
        "depois da correção, use sincronizar situação.",
    )
    row.save()
    raw = repr(answer.raw).encode("utf-8", "backslashreplace")[:1_000_000]
    answers_write({row.pk: Kept("", raw)})
    return StepResult(created=(row.pk,), quarantined=(row.pk,))
