"""The contract, row by row, against raw answers: confirmed, different or not seen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kwai_integration.mapping import fields
from kwai_integration.probe.masking import INSIDE, LONGEST_CODE, is_field_name
from kwai_integration.wire import codes
from kwai_integration.wire.names import FieldRow, Shape, field_rows, section_rows
from kwai_integration.wire.types import ClientConfig

LONGEST_ID = 19
# Fields of requests: in sections of their own, or beside those of the answer.
ASKED = {
    row.name
    for row in field_rows()
    if row.section in ("window", "refund_window")
    or row.name in ("details.order_ids", "item_page.page", "item_page.size", "item_page.sort")
}
MOST_NAMED = 5
# Stands for a field whose name looks like a person's name or number.
HIDDEN_NAME = "(nome oculto)"


class ContractVerdict(StrEnum):
    CONFIRMED = "confirmed"
    DIFFERENT = "different"
    UNSEEN = "unseen"

    @property
    def label(self) -> str:
        return {"confirmed": "confirmado", "different": "diferente", "unseen": "não visto"}[self.value]


@dataclass(frozen=True)
class ContractRow:
    """One row of the contract. `detail` says what was seen, without personal data."""

    part: str
    name: str
    expected: str
    source: str
    verdict: ContractVerdict
    detail: str = ""


@dataclass
class SeenInAnswers:
    """Raw answers of one account: the frames of each call, the objects of each section of the table of
    fields, what a call that failed said, and the result codes."""

    frames: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)
    failures: dict[str, str] = field(default_factory=dict)
    results: Counter[int] = field(default_factory=Counter)

    def keep(self, section: str, raw: object) -> None:
        """Keep an object and those inside it."""
        entry = fields.record(raw)
        self.objects.setdefault(section, []).append(entry)

    def of(self, section: str) -> list[dict[str, Any]]:
        return self.objects.get(section, [])


def judged(seen: SeenInAnswers, config: ClientConfig) -> list[ContractRow]:
    """Every row of the contract that an account can answer, and those that it cannot, in the contract's
    order."""
    return [
        *_calls(seen, config),
        *_envelope(seen, config),
        *_fields(seen, config),
        *_values(seen, config),
        *_totals(seen, config),
        *_situations(seen, config),
        *_results(seen, config),
        *_other_codes(seen, config),
    ]


def inside_keep(seen: SeenInAnswers, config: ClientConfig) -> None:
    """The lines, receivers and payments of the orders kept so far."""
    for (section, attribute), inner in INSIDE.items():
        name = getattr(getattr(config.names, section), attribute)
        for raw in seen.of(section):
            value = raw.get(name)
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict):
                    seen.keep(inner, entry)


def unknown_fields(seen: SeenInAnswers, config: ClientConfig) -> list[dict[str, str]]:
    """Fields the contract does not name, with the type of what stands there; never the value."""
    found = []
    for section, objects in seen.objects.items():
        known = {row.wire for row in section_rows(config.names, section)}
        kinds: dict[str, set[str]] = {}
        for raw in objects:
            for name in raw.keys() - known:
                shown = name if is_field_name(name) else HIDDEN_NAME
                kinds.setdefault(shown, set()).add(_kind(raw[name]))
        found += [
            {"object": section, "field": name, "type": " ou ".join(sorted(kinds[name]))}
            for name in sorted(kinds)
        ]
    return found


def unknown_codes(seen: SeenInAnswers, config: ClientConfig) -> list[dict[str, str]]:
    """Codes the tables do not name, with how often they came."""
    return [
        {"field": name, "code": code, "count": str(count)}
        for name, _, known, counted in _coded(seen, config)
        for code, count in sorted(counted.items())
        if code not in known
    ]


def shape_problem(shape: Shape, value: Any) -> str:
    """What is wrong with a value, or an empty text. Null and a missing field are nobody's fault."""
    return "" if value is None else _CHECKS[shape](value)


def _calls(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    for endpoint in config.endpoints.values():
        name, expected = endpoint.name, f"{endpoint.verb} {endpoint.path}"
        if name in seen.failures:
            verdict, detail = ContractVerdict.DIFFERENT, seen.failures[name]
        elif name in seen.frames:
            verdict, detail = ContractVerdict.CONFIRMED, f"{len(seen.frames[name])} respostas"
        else:
            verdict = ContractVerdict.UNSEEN
            detail = "a sondagem só lê" if endpoint.is_write else "não perguntado"
        yield ContractRow("chamada", name, expected, endpoint.source, verdict, detail)


def _envelope(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    good = [code for code in seen.results if config.results.meaning(code) is codes.ResultMeaning.OK]
    verdict = (
        ContractVerdict.CONFIRMED
        if good
        else ContractVerdict.DIFFERENT
        if seen.failures
        else ContractVerdict.UNSEEN
    )
    yield ContractRow("envelope", "result", "HTTP 200 e um result com o sentido ok", "published", verdict)


def _fields(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    for row in field_rows(config.names):
        verdict, detail = _field(row, seen)
        yield ContractRow("campo", row.name, f"{row.wire} ({row.shape})", row.source, verdict, detail)


def _field(row: FieldRow, seen: SeenInAnswers) -> tuple[ContractVerdict, str]:
    if row.name in ASKED:
        return ContractVerdict.UNSEEN, "enviado no pedido; a resposta não o repete" if seen.frames else ""
    if row.section not in seen.objects:
        return ContractVerdict.UNSEEN, ""
    values = [raw[row.wire] for raw in seen.of(row.section) if raw.get(row.wire) is not None]
    if not values:
        return ContractVerdict.UNSEEN, f"em nenhum de {len(seen.of(row.section))}"
    problems = Counter(problem for value in values if (problem := shape_problem(row.shape, value)))
    if problems:
        text = "; ".join(f"{problem} em {count} de {len(values)}" for problem, count in problems.items())
        return ContractVerdict.DIFFERENT, text
    return ContractVerdict.CONFIRMED, f"em {len(values)} de {len(seen.of(row.section))}"


def _values(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    """What holds for every field of a shape (contract section 1)."""
    for name, expected, shape in (
        ("ids", "até 19 algarismos, número ou texto", Shape.ID),
        ("valores", "centavos inteiros", Shape.MONEY),
        ("datas", "milissegundos Unix", Shape.MOMENT),
    ):
        values = [
            raw[row.wire]
            for row in field_rows(config.names)
            if row.shape is shape
            for raw in seen.of(row.section)
            if raw.get(row.wire) not in (None, "", 0)
        ]
        wrong = sum(bool(shape_problem(shape, value)) for value in values)
        yield ContractRow(
            "valor", name, expected, "published", _verdict(len(values), wrong), _kinds(values, wrong)
        )


def _totals(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    orders = seen.of("order")
    sums = [(fields.remote_id(raw.get(config.names.order.id)), _difference(raw, config)) for raw in orders]
    known = [(order_id, difference) for order_id, difference in sums if difference is not None]
    wrong = [f"{order_id} por {difference}" for order_id, difference in known if difference]
    detail = f"{len(known) - len(wrong)} de {len(known)} pedidos batem"
    if wrong:
        detail += f"; diferem {', '.join(wrong[:MOST_NAMED])} centavos"
    expected = "itens + frete - desconto do vendedor - desconto da plataforma"
    verdict = _verdict(len(known), len(wrong))
    yield ContractRow("valor", "total", expected, "assumed", verdict, detail if known else "")


def _difference(raw: Mapping[str, Any], config: ClientConfig) -> int | None:
    """What the platform's total has more than the formula, None where a part cannot be read."""
    names, line = config.names.order, config.names.line
    lines = fields.records(raw.get(names.lines))
    parts = [(fields.integer(one.get(line.price)), fields.integer(one.get(line.quantity))) for one in lines]
    total = fields.integer(raw.get(names.total))
    if total is None or not lines or any(None in pair for pair in parts):
        return None
    extras = (names.freight, names.seller_discount, names.platform_discount)
    freight, *discounts = (fields.integer(raw.get(name)) or 0 for name in extras)
    items = sum((price or 0) * (quantity or 0) for price, quantity in parts)
    return total - (items + freight - sum(discounts))


def _situations(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    counted = _codes_of(seen, "order", config.names.order.status)
    for code, row in config.situations.rows.items():
        verdict = ContractVerdict.CONFIRMED if counted[code] else ContractVerdict.UNSEEN
        expected = f"{row.label} ({row.role})"
        yield ContractRow("situação", code, expected, row.source, verdict, _times(counted[code]))
    for code in sorted(counted.keys() - config.situations.rows.keys()):
        yield ContractRow(
            "situação", code, "", "", ContractVerdict.DIFFERENT, f"desconhecida, {_times(counted[code])}"
        )


def _results(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    for code, row in config.results.rows.items():
        count = seen.results[code]
        verdict = ContractVerdict.CONFIRMED if count else ContractVerdict.UNSEEN
        yield ContractRow("resultado", str(code), row.label, row.source, verdict, _times(count))
    for code in sorted(seen.results.keys() - config.results.rows.keys()):
        detail = f"desconhecido, {_times(seen.results[code])}"
        yield ContractRow("resultado", str(code), "", "", ContractVerdict.DIFFERENT, detail)


def _other_codes(seen: SeenInAnswers, config: ClientConfig) -> Iterator[ContractRow]:
    for name, labels, known, counted in _coded(seen, config)[1:]:
        for code in known:
            verdict = ContractVerdict.CONFIRMED if counted[code] else ContractVerdict.UNSEEN
            yield ContractRow(
                "código", f"{name} {code}", labels[code], "assumed", verdict, _times(counted[code])
            )
        for code in sorted(counted.keys() - set(known)):
            detail = f"desconhecido, {_times(counted[code])}"
            yield ContractRow("código", f"{name} {code}", "", "", ContractVerdict.DIFFERENT, detail)


Coded = tuple[str, Mapping[str, str], Sequence[str], Counter[str]]


def _coded(seen: SeenInAnswers, config: ClientConfig) -> list[Coded]:
    """Each coded field: its name, its labels, its known codes and what was counted; the situation first."""
    order, refund = config.names.order, config.names.refund
    labels = {code: row.label for code, row in config.situations.rows.items()}
    found: list[Coded] = [(order.status, labels, list(labels), _codes_of(seen, "order", order.status))]
    refunds = _codes_of(seen, "order", order.refund_status) + _codes_of(seen, "refund", refund.status)
    active = config.names.item.active_status
    for name, table, counted in (
        (order.shipping_type, codes.SHIPPING_TYPE_LABELS, _codes_of(seen, "order", order.shipping_type)),
        (order.invoice_status, codes.INVOICE_STATUS_LABELS, _codes_of(seen, "order", order.invoice_status)),
        (order.refund_status, codes.REFUND_STATUS_LABELS, refunds),
        (active, codes.ACTIVE_STATUS_LABELS, _codes_of(seen, "item", active)),
    ):
        texts = {str(code): label for code, label in table.items()}
        found.append((name, texts, list(texts), counted))
    return found


def _codes_of(seen: SeenInAnswers, section: str, name: str) -> Counter[str]:
    values = (raw.get(name) for raw in seen.of(section))
    return Counter(code for value in values if (code := fields.remote_code(value, LONGEST_CODE)))


def _verdict(count: int, wrong: int) -> ContractVerdict:
    if not count:
        return ContractVerdict.UNSEEN
    return ContractVerdict.DIFFERENT if wrong else ContractVerdict.CONFIRMED


def _kinds(values: Iterable[Any], wrong: int) -> str:
    kinds = Counter(_kind(value) for value in values)
    text = ", ".join(f"{count} como {kind}" for kind, count in sorted(kinds.items()))
    return f"{text}; {wrong} fora do esperado" if wrong else text


def _times(count: int) -> str:
    return f"{count} vez" if count == 1 else f"{count} vezes" if count else ""


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "verdadeiro ou falso"
    if isinstance(value, int):
        return "número inteiro"
    if isinstance(value, float):
        return "número com vírgula"
    names = {str: "texto", dict: "objeto", list: "lista", type(None): "nulo"}
    return names.get(type(value), "outro")


def _id_problem(value: Any) -> str:
    text = str(value) if type(value) is int else value
    usable = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return (
        ""
        if usable or fields.is_absent(value)
        else f"{_kind(value)} que não é um número de até 19 algarismos"
    )


def _code_problem(value: Any) -> str:
    return "" if type(value) is int or isinstance(value, str) else _kind(value)


def _whole_problem(value: Any) -> str:
    if type(value) is int:
        return ""
    if isinstance(value, str) and (not value.strip() or fields.integer(value) is not None):
        return "algarismos em texto (o ERP lê assim mesmo)" if value.strip() else ""
    return f"{_kind(value)} em vez de inteiro"


def _moment_problem(value: Any) -> str:
    if fields.is_absent(value) or fields.moment(value) is not None:
        return ""
    number = fields.integer(value)
    if number is not None and fields.moment(number * 1000) is not None:
        return "segundos em vez de milissegundos"
    return f"{_kind(value)} que não é uma data em milissegundos"


def _typed(kind: type, expected: str) -> Callable[[Any], str]:
    return lambda value: "" if isinstance(value, kind) else f"{_kind(value)} em vez de {expected}"


_CHECKS: Mapping[Shape, Callable[[Any], str]] = {
    Shape.ID: _id_problem,
    Shape.CODE: _code_problem,
    Shape.COUNT: _whole_problem,
    Shape.MONEY: _whole_problem,
    Shape.SECONDS: _whole_problem,
    Shape.MOMENT: _moment_problem,
    Shape.TEXT: lambda value: "" if isinstance(value, str) or type(value) is int else _kind(value),
    Shape.FLAG: _typed(bool, "verdadeiro ou falso"),
    Shape.LIST: _typed(list, "lista"),
    Shape.OBJECT: _typed(dict, "objeto"),
}
