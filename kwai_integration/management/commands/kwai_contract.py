"""Print the endpoint and code tables this ERP speaks, for a comparison with the portal's documents."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand

from kwai_integration.client.gateway import client_config
from kwai_integration.client.writes import Permit, Write, may
from kwai_integration.wire import codes
from kwai_integration.wire.endpoints import ENDPOINTS, KwaiEndpoint
from kwai_integration.wire.names import Shape, WireNames, field_rows
from kwai_integration.wire.types import ClientConfig

SOURCES = {
    "published": "publicado",
    "third_party": "de terceiro",
    "inferred": "deduzido",
    "assumed": "presumido",
}
ACCESSES = {"read": "leitura", "write": "escrita"}
SHAPES = {
    Shape.ID: "número ou texto de até 19 algarismos",
    Shape.CODE: "código",
    Shape.COUNT: "inteiro",
    Shape.MONEY: "centavos inteiros",
    Shape.MOMENT: "milissegundos Unix",
    Shape.SECONDS: "segundos",
    Shape.TEXT: "texto",
    Shape.FLAG: "verdadeiro ou falso",
    Shape.LIST: "lista",
    Shape.OBJECT: "objeto",
}
OTHER_CODES = {
    "invoiceStatus": codes.INVOICE_STATUS_LABELS,
    "refundStatus": codes.REFUND_STATUS_LABELS,
    "shippingType": codes.SHIPPING_TYPE_LABELS,
    "activeStatus": codes.ACTIVE_STATUS_LABELS,
}


class Command(BaseCommand):
    help = "Mostra as chamadas e os códigos do Kwai que este ERP usa, para conferir com o portal."
    # It must print even where something else is wrong with the installation.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="um único objeto JSON em vez de tabelas")

    def handle(self, *args: Any, **options: Any) -> None:
        contract = contract_tables(client_config())
        if options["json"]:
            self.stdout.write(json.dumps(contract, ensure_ascii=False, indent=2))
            return
        for title, rows in contract.items():
            self.stdout.write(f"\n{title}\n")
            self.stdout.writelines(f"{line}\n" for line in _columns(rows))


def contract_tables(config: ClientConfig) -> dict[str, list[dict[str, Any]]]:
    """Every row as data, overrides applied and marked; the same rows feed the text and the JSON."""
    return {
        "contract": [{"edition": codes.EDITION, "searched_on": codes.SEARCHED_ON.isoformat()}],
        "endpoints": [_endpoint_row(endpoint) for endpoint in config.endpoints.values()],
        "fields": _field_rows(config.names),
        "orderStatus": _situation_rows(config),
        "writes": [_write_row(write) for write in Write],
        "result": _result_rows(config),
        **{name: _label_rows(labels.items()) for name, labels in OTHER_CODES.items()},
    }


def _write_row(write: Write) -> dict[str, Any]:
    """In which roles a write is permitted, counts as done, or waits for the note (contract 3.2)."""
    found = {role: may(write, role, hold=False, refund=False) for role in codes.KwaiRole}
    return {
        "write": str(write),
        **{
            name: ", ".join(role for role, answer in found.items() if answer is permit) or "-"
            for name, permit in (("permitted", Permit.YES), ("done", Permit.DONE), ("waits", Permit.NOT_YET))
        },
    }


def _endpoint_row(endpoint: KwaiEndpoint) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "verb": endpoint.verb,
        "path": endpoint.path,
        "scope": endpoint.scope,
        "source": str(endpoint.source),
        "access": str(endpoint.access),
        "overridden": endpoint.path != ENDPOINTS[endpoint.name].path,
    }


def _field_rows(names: WireNames) -> list[dict[str, Any]]:
    return [
        {
            "call": row.call,
            "name": row.name,
            "wire": row.wire,
            "shape": str(row.shape),
            "source": str(row.source),
            "overridden": row.is_overridden,
        }
        for row in field_rows(names)
    ]


def _situation_rows(config: ClientConfig) -> list[dict[str, Any]]:
    return [
        {
            "code": row.code,
            "label": row.label,
            "role": str(row.role),
            "source": str(row.source),
            "overridden": row.is_overridden,
        }
        for row in config.situations.rows.values()
    ]


def _result_rows(config: ClientConfig) -> list[dict[str, Any]]:
    return [
        {
            "code": row.code,
            "label": row.label,
            "meaning": str(row.meaning),
            "follows": row.follows,
            "source": str(row.source),
            "overridden": row.is_overridden,
        }
        for row in config.results.rows.values()
    ]


def _label_rows(labels: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"code": str(code), "label": label, "source": "assumed"} for code, label in labels]


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    table = [[_cell(name, value) for name, value in row.items()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


def _cell(name: str, value: Any) -> str:
    if name == "overridden":
        return "ALTERADO" if value else ""
    if name == "shape":
        return SHAPES[Shape(value)]
    return SOURCES.get(value) or ACCESSES.get(value) or str(value)
