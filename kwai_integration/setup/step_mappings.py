"""*Mapeamentos*: what a code of the platform means here: situation, way of shipping, way of payment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.forms.boundfield import BoundField
from django.utils.translation import ngettext

from erp.accounts.models import Store
from erp.attention.conditions import condition_withdraw
from erp.attention.register import store_subject
from erp.sales.models import PaymentMethod, ShippedBy, ShippingKind, ShippingMethod
from erp.sales.shippers import method_fits
from erp.sales.statuses import OrderStatus
from kwai_integration.conditions import MAPPINGS_TO_CHECK
from kwai_integration.inbound.reprocess import COUNTED, orders_reprocess, reprocess_left
from kwai_integration.models import PaymentMapping, ShippingMapping, StatusMapping, StepKey
from kwai_integration.outbound.logistics import shipper_of
from kwai_integration.setup.seen import SeenCode, codes_seen
from kwai_integration.setup.step import Level, SetupCheck, StepDefinition, StepForm
from kwai_integration.situations import DEFAULT_STATUSES, default_situations, situations
from kwai_integration.wire.codes import (
    PAID_ROLES,
    SHIPPING_TYPE_LABELS,
    KwaiRole,
    ShippingType,
)
from kwai_integration.wire.text import clean_text

# What a seller ships itself has no way of shipping of its own; one may be preset.
OPTIONAL_CODES = frozenset({ShippingType.SELLER.value})
# More codes than any platform has; a form that sends more is not ours.
MOST_CODES = 200
ROLE_PREFIX = "role:"
NEW_ROLE = "new_situation_role"


@dataclass(frozen=True)
class Table:
    """One of the three mappings. `target` is the model field that holds our side."""

    name: str
    label: str
    ours: str
    model: type[StatusMapping] | type[ShippingMapping] | type[PaymentMapping]
    target: str
    code_length: int

    def field_name(self, code: str) -> str:
        return f"{self.name}:{code}"

    @property
    def new_code(self) -> str:
        return f"new_{self.name}_code"

    @property
    def new_target(self) -> str:
        return f"new_{self.name}_target"


SITUATIONS = Table("situation", "Situações de pedidos", "Situação no ERP", StatusMapping, "status", 20)
SHIPPING = Table("shipping", "Formas de envio", "Forma de envio", ShippingMapping, "shipping_method_id", 40)
PAYMENTS = Table(
    "payment", "Formas de recebimento", "Forma de recebimento", PaymentMapping, "payment_method_id", 60
)
TABLES = (SITUATIONS, SHIPPING, PAYMENTS)


@dataclass
class MappingRow:
    """One code on the page; `orders` carry it, and it is `is_new` while nobody said what it means."""

    code: str
    label: str
    orders: int
    is_new: bool
    control: BoundField
    # What the code means on the platform, asked only for one that the table does not know.
    role: BoundField | None = None
    needs_check: bool = False


@dataclass
class Codes:
    """The codes of one table on one page, with how many orders carry each."""

    table: Table
    stored: dict[str, Any]
    seen: dict[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)
    roles: Mapping[str, str] = field(default_factory=dict)
    unchecked: frozenset[str] = frozenset()

    def all(self) -> list[str]:
        """Known codes in the order of their table, then the others."""
        places = {code: place for place, code in enumerate(self.labels)}
        found = {*self.stored, *self.seen, *self.labels, *self.posted}
        return sorted(found, key=lambda code: (places.get(code, len(places)), len(code), code))

    def unknown(self) -> list[str]:
        """Situations that the table does not know: a person says what they mean."""
        return [code for code in self.all() if code not in self.labels] if self.table is SITUATIONS else []


class MappingsForm(StepForm):
    """A choice for every code that is known, seen or stored, and a line a table for a code typed by hand."""

    allow_backwards = forms.BooleanField(
        label="Permite retroceder situação dos pedidos",
        required=False,
        help_text="Ligada, o Kwai pode levar um pedido de volta a uma situação anterior.",
    )

    def __init__(self, data: Any = None, *, store: Store) -> None:
        seen = codes_seen(store)
        self.codes = [_codes(store, table, data or {}, seen) for table in TABLES]
        super().__init__(data, store=store)
        for codes in self.codes:
            choices = [("", "não mapeada"), *_targets(codes.table, store)]
            carried = _carried_methods(store) if codes.table is SHIPPING else set()
            for code in codes.all():
                fitting = _fitting(codes.table, choices, code, carried)
                self.fields[codes.table.field_name(code)] = _choice(codes.table, fitting, code)
            self.fields[codes.table.new_code] = forms.CharField(
                label="Outro código do Kwai",
                required=False,
                max_length=codes.table.code_length,
                widget=forms.TextInput(attrs={"placeholder": "outro código"}),
            )
            self.fields[codes.table.new_target] = _choice(codes.table, choices)
            for code in codes.unknown():
                self.fields[role_field(code)] = _role_choice(f"o que {code} significa no Kwai")
        self.fields[NEW_ROLE] = _role_choice("o que o código digitado significa no Kwai")

    def current(self) -> dict[str, Any]:
        stored = {
            codes.table.field_name(code): value
            for codes in self.codes
            for code, value in codes.stored.items()
        }
        roles = {role_field(code): role for codes in self.codes for code, role in codes.roles.items() if role}
        return {"allow_backwards": self.store.kwai_settings.allow_backwards, **stored, **roles}

    def audited(self) -> dict[str, Any]:
        names = {
            table.field_name(mapping.remote_code): str(_target_label(mapping))
            for table in TABLES
            for mapping in _mappings(table, self.store)
        }
        roles = {
            role_field(mapping.remote_code): situations().role_label(KwaiRole(mapping.role))
            for mapping in self.store.status_mappings.exclude(role="")
        }
        return {"allow_backwards": self.store.kwai_settings.allow_backwards, **names, **roles}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self._statuses_suggest(data)
        for table in TABLES:
            code, target = data.get(table.new_code), data.get(table.new_target)
            if code and not target:
                self.add_error(table.new_target, f"Escolha o que {code} significa no ERP.")
            if target and not code:
                self.add_error(table.new_code, "Digite o código como o Kwai o envia.")
        return data

    def _statuses_suggest(self, data: dict[str, Any]) -> None:
        """Who says what a code means on the platform need not say the situation here as well."""
        for name, role in list(data.items()):
            if role and name.startswith(ROLE_PREFIX):
                target = SITUATIONS.field_name(name.removeprefix(ROLE_PREFIX))
                data[target] = data.get(target) or DEFAULT_STATUSES[KwaiRole(role)].value
        if data.get(NEW_ROLE) and data.get(SITUATIONS.new_code):
            target = SITUATIONS.new_target
            data[target] = data.get(target) or DEFAULT_STATUSES[KwaiRole(data[NEW_ROLE])].value

    def save(self) -> str:
        options = self.store.kwai_settings
        options.allow_backwards = self.cleaned_data["allow_backwards"]
        options.save(update_fields=["allow_backwards"])
        changed = {codes.table.name: self._table_save(codes) for codes in self.codes}
        changed["situation"] += self._roles_save()
        count = orders_reprocess(
            store_id=self.store.pk,
            situations=changed["situation"],
            shippings=changed["shipping"],
            payments=changed["payment"],
        )
        text = ngettext(
            "%s pedido com os códigos alterados é reprocessado em segundo plano.",
            "%s pedidos com os códigos alterados são reprocessados em segundo plano.",
            count,
        )
        return text % _counted(count) if count else ""

    def reprocessing(self) -> str:
        """For the template: how many orders are still to be received once more, or nothing."""
        left = reprocess_left(self.store.pk)
        text = ngettext(
            "Reprocessamento em andamento: falta %s pedido com códigos alterados.",
            "Reprocessamento em andamento: faltam %s pedidos com códigos alterados.",
            left,
        )
        return text % _counted(left) if left else ""

    def _table_save(self, codes: Codes) -> list[str]:
        """Write one table and answer the codes that now mean something else."""
        table = codes.table
        # A code that came up after the page was opened is not on it, and stays as it is.
        sent = [code for code in codes.all() if table.field_name(code) in self.data]
        wanted = {code: self.cleaned_data.get(table.field_name(code)) for code in sent}
        typed = clean_text(self.cleaned_data[table.new_code], table.code_length)
        if typed:
            wanted[typed] = self.cleaned_data[table.new_target]
        reported = {
            code: target or None
            for code, target in wanted.items()
            if (target or None) != codes.stored.get(code)
        }
        rows = table.model.objects.filter(store=self.store)
        rows.filter(remote_code__in=[code for code, target in reported.items() if not target]).delete()
        for code, target in reported.items():
            if target:
                rows.update_or_create(store=self.store, remote_code=code, defaults={table.target: target})
        return list(reported)

    def _roles_save(self) -> list[str]:
        """Write what unknown codes mean, take *confira* off what was on the page; the codes that changed."""
        asked = next(codes for codes in self.codes if codes.table is SITUATIONS)
        wanted = {
            code: self.cleaned_data[role_field(code)] or ""
            for code in asked.unknown()
            if role_field(code) in self.data
        }
        typed = clean_text(self.cleaned_data[SITUATIONS.new_code], SITUATIONS.code_length)
        if typed and typed not in asked.labels:
            wanted[typed] = self.cleaned_data[NEW_ROLE] or ""
        rows = self.store.status_mappings
        if rows.filter(needs_check=True).update(needs_check=False):
            condition_withdraw(key=MAPPINGS_TO_CHECK, subject=store_subject(self.store.pk))
        changed = [code for code, role in wanted.items() if role != asked.roles.get(code, "")]
        for code in changed:
            rows.filter(remote_code=code).update(role=wanted[code])
        return changed

    def tables(self) -> Iterable[tuple[Table, list[MappingRow], BoundField, BoundField]]:
        """For the template: table, its lines, and the two fields of a code typed by hand."""
        for codes in self.codes:
            rows = [self._row(codes, code) for code in codes.all()]
            yield codes.table, rows, self[codes.table.new_code], self[codes.table.new_target]

    def _row(self, codes: Codes, code: str) -> MappingRow:
        return MappingRow(
            code=code,
            label=codes.labels.get(code, ""),
            orders=codes.seen.get(code, 0),
            is_new=code in codes.seen and code not in codes.stored and code not in OPTIONAL_CODES,
            control=self[codes.table.field_name(code)],
            role=self[role_field(code)] if code in codes.unknown() else None,
            needs_check=code in codes.unchecked,
        )


def _counted(count: int) -> str:
    return f"{COUNTED // 1000} mil ou mais" if count >= COUNTED else str(count)


class MappingsStep(StepDefinition):
    key = StepKey.MAPPINGS
    form_class = MappingsForm
    template = "kwai/step_mappings.html"

    def prepared(self, store: Store, data: Mapping[str, Any], do: str) -> Any:
        """*adicionar situações padrão*: fill in what is empty, change nothing that was chosen."""
        if do != "defaults":
            return data
        filled = data.copy()  # type: ignore[attr-defined]
        for code, status in default_situations().items():
            if not filled.get(SITUATIONS.field_name(code)):
                filled[SITUATIONS.field_name(code)] = status.value
        return filled

    def checks(self, store: Store) -> list[SetupCheck]:
        seen = codes_seen(store)
        return [_situation_check(store, seen), _shipping_check(store, seen), _payment_check(store, seen)]


def _situation_check(store: Store, seen: SeenCode) -> SetupCheck:
    title, anchor = "Situações de pedidos", "situation"
    mapped = set(store.status_mappings.values_list("remote_code", flat=True))
    known = situations()
    missing = [code for code in known.rows if code not in mapped]
    if any(known.role(code) in PAID_ROLES for code in missing):
        text = "Pedidos pagos não têm situação no ERP. Use adicionar situações padrão."
        return SetupCheck(Level.BLOCKING, title, text, StepKey.MAPPINGS, anchor)
    unknown = {code: count for code, count in seen.situations.items() if code not in mapped}
    if missing or unknown:
        labels = ", ".join(known.label(code) for code in dict.fromkeys([*missing, *unknown]))
        text = f"Sem correspondência: {labels}. Pedidos nessas situações não mudam no ERP."
        return SetupCheck(Level.WARNING, title, text, StepKey.MAPPINGS, anchor)
    return SetupCheck(
        Level.OK, title, "Toda situação conhecida do Kwai tem uma no ERP.", StepKey.MAPPINGS, anchor
    )


def _shipping_check(store: Store, seen: SeenCode) -> SetupCheck:
    title, anchor = "Formas de envio", "shipping"
    rows = store.shipping_mappings.values_list("remote_code", "shipping_method__kind")
    mapped = {code for code, kind in rows if _is_fitting(code, kind)}
    wanted = {ShippingType.KWAI_ENVIOS.value, *seen.shippings} - OPTIONAL_CODES
    missing = sorted(wanted - mapped)
    if missing:
        text = (
            f"Sem forma de envio: {', '.join(missing)}. Esses pedidos chegam sem forma de envio e não podem "
            "ser agrupados até alguém escolher uma."
        )
        return SetupCheck(Level.WARNING, title, text, StepKey.MAPPINGS, anchor)
    return SetupCheck(Level.OK, title, "Os envios do Kwai têm forma de envio.", StepKey.MAPPINGS, anchor)


def _is_fitting(code: str, kind: str) -> bool:
    reported = shipper_of(code)
    return reported is ShippedBy.UNKNOWN or method_fits(kind, reported)


def _payment_check(store: Store, seen: SeenCode) -> SetupCheck:
    title, anchor = "Formas de recebimento", "payment"
    mapped = set(store.payment_mappings.values_list("remote_code", flat=True))
    missing = sorted(set(seen.payments) - mapped)
    if missing:
        text = f"Sem forma de recebimento: {', '.join(missing)}. Esses pedidos chegam sem ela."
        return SetupCheck(Level.WARNING, title, text, StepKey.MAPPINGS, anchor)
    text = "Nenhum código de pagamento espera por uma forma de recebimento."
    return SetupCheck(Level.OK, title, text, StepKey.MAPPINGS, anchor)


def _codes(store: Store, table: Table, data: Any, seen: SeenCode) -> Codes:
    stored = {mapping.remote_code: getattr(mapping, table.target) for mapping in _mappings(table, store)}
    posted = [
        name.partition(":")[2] for name in list(data)[: 10 * MOST_CODES] if name.startswith(f"{table.name}:")
    ]
    usable = [code for code in posted if code and code == clean_text(code, table.code_length)]
    orders = {SITUATIONS: seen.situations, SHIPPING: seen.shippings, PAYMENTS: seen.payments}[table]
    labels = {SITUATIONS: _situation_labels, SHIPPING: _shipping_labels}.get(table, dict)()
    found = Codes(table, stored, orders, labels, usable[:MOST_CODES])
    if table is SITUATIONS:
        rows = list(store.status_mappings.all())
        found.roles = {row.remote_code: row.role for row in rows}
        found.unchecked = frozenset(row.remote_code for row in rows if row.needs_check)
    return found


def _situation_labels() -> dict[str, str]:
    return {row.code: row.label for row in situations().rows.values()}


def _shipping_labels() -> dict[str, str]:
    return dict(SHIPPING_TYPE_LABELS)


def _mappings(table: Table, store: Store) -> QuerySet[Any]:
    return table.model.objects.filter(store=store).order_by("remote_code")


def _target_label(mapping: Any) -> str:
    if isinstance(mapping, StatusMapping):
        return OrderStatus(mapping.status).label
    return str(mapping.shipping_method if isinstance(mapping, ShippingMapping) else mapping.payment_method)


def _choice(table: Table, choices: Sequence[tuple[Any, str]], code: str = "") -> forms.Field:
    label = f"{table.ours} para {code}" if code else table.ours
    coerce = str if table is SITUATIONS else int
    return forms.TypedChoiceField(
        label=label, choices=choices, coerce=coerce, empty_value=None, required=False
    )


def _carried_methods(store: Store) -> set[int]:
    """Ways of shipping that the platform carries itself."""
    own = ShippingMethod.objects.filter(company_id=store.company_id, kind=ShippingKind.MARKETPLACE)
    return set(own.values_list("pk", flat=True))


def _fitting(
    table: Table, choices: Sequence[tuple[Any, str]], code: str, carried: set[int]
) -> Sequence[tuple[Any, str]]:
    """A code that says who carries takes only ways of shipping that fit; any other code takes all."""
    reported = shipper_of(code)
    if table is not SHIPPING or reported is ShippedBy.UNKNOWN:
        return choices
    return [
        pair for pair in choices if not pair[0] or (pair[0] in carried) == (reported is ShippedBy.CHANNEL)
    ]


def role_field(code: str) -> str:
    return f"{ROLE_PREFIX}{code}"


def _role_choice(label: str) -> forms.Field:
    table = situations()
    roles = [(role.value, table.role_label(role)) for role in KwaiRole]
    return forms.TypedChoiceField(
        label=label, choices=[("", "não sei: nada é enviado"), *roles], empty_value="", required=False
    )


def _targets(table: Table, store: Store) -> list[tuple[Any, str]]:
    """What a code of `table` may mean, read once for all of them."""
    if table is SITUATIONS:
        return list(OrderStatus.choices)
    rows = _own(ShippingMethod if table is SHIPPING else PaymentMethod, store)
    return [(row.pk, str(row)) for row in rows]


def _own(model: type[ShippingMethod] | type[PaymentMethod], store: Store) -> QuerySet[Any]:
    """Active rows of the company, and those already chosen."""
    chosen = Q(shippingmapping__store=store) if model is ShippingMethod else Q(paymentmapping__store=store)
    rows = model.objects.filter(Q(is_active=True) | chosen, company_id=store.company_id)
    return rows.distinct().order_by("name")
