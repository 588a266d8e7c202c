"""The tables of codes: stated once here, corrected by settings, spelt nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from kwai_integration.client.transport import MEANING_ERRORS
from kwai_integration.wire import codes
from kwai_integration.wire.codes import (
    FORMER_ROLES,
    RESULTS,
    SITUATIONS,
    CodeTableError,
    KwaiRole,
    ResultMeaning,
    Source,
    result_table,
    situation_table,
)

ROOT = Path(codes.__file__).parents[2]
INVENTED = {f"9{place}": {"role": role, "label": f"Zebra {place}"} for place, role in enumerate(KwaiRole)}


def test_the_table_of_situations_is_that_of_the_contract():
    assert [(row.code, row.role.value, row.label) for row in SITUATIONS.values()] == [
        ("10", "awaiting_payment", "Aguardando pagamento"),
        ("101", "awaiting_invoice", "Pago, aguardando NF-e"),
        ("102", "to_arrange", "Pago, envio a programar"),
        ("200", "awaiting_pickup", "Aguardando coleta"),
        ("210", "packed", "Embalado, aguardando coleta"),
        ("30", "shipped", "Enviado"),
        ("40", "delivered", "Recebido"),
        ("50", "completed", "Concluído"),
        ("60", "closed", "Encerrado"),
    ]
    assert {row.source for row in SITUATIONS.values()} == {Source.THIRD_PARTY}


def test_the_table_of_results_is_that_of_the_contract():
    assert [(row.code, row.meaning.value, row.source.value) for row in RESULTS.values()] == [
        (200, "ok", "published"),
        (401, "token_invalid", "assumed"),
        (402, "consent_revoked", "assumed"),
        (403, "permission_missing", "assumed"),
        (404, "not_found", "assumed"),
        (409, "already_done", "assumed"),
        (422, "refused", "assumed"),
        (429, "rate_limited", "assumed"),
        (430, "quota_spent", "assumed"),
        (440, "app_invalid", "third_party"),
        (441, "secret_invalid", "third_party"),
        (442, "clock_wrong", "third_party"),
        (443, "signature_invalid", "published"),
        (444, "token_invalid", "inferred"),
        (445, "merchant_invalid", "third_party"),
        (446, "permission_missing", "third_party"),
        (447, "app_invalid", "third_party"),
        (500, "platform_fault", "assumed"),
        (503, "platform_fault", "assumed"),
    ]
    assert {row.meaning for row in RESULTS.values()} == set(ResultMeaning)


def test_every_meaning_but_ok_has_its_error():
    assert set(MEANING_ERRORS) == set(ResultMeaning) - {ResultMeaning.OK}


def test_a_code_nobody_named_has_no_role_and_says_so():
    table = situation_table({})
    assert table.role("35") is None
    assert table.label("35") == "Não mapeada (35)"
    assert table.label("") == ""


def test_a_correction_adds_and_moves_and_takes_away():
    table = situation_table({"50": "closed", "35": {"role": "packed", "label": "Na caixa"}, "210": None})
    assert (table.role("50"), table.role("35"), table.role("210")) == (KwaiRole.CLOSED, KwaiRole.PACKED, None)
    assert (table.label("50"), table.label("35")) == (SITUATIONS["50"].label, "Na caixa")
    assert table.rows["35"].is_overridden
    assert not table.rows["10"].is_overridden
    assert SITUATIONS["50"].role is KwaiRole.COMPLETED


def test_a_whole_set_of_situations_replaces_the_table():
    table = situation_table(INVENTED)
    assert set(table.rows) == set(INVENTED)
    assert [row.role for row in table.rows.values()] == list(KwaiRole)
    assert table.role_label(KwaiRole.SHIPPED) == "Zebra 5"


def test_a_whole_set_of_results_replaces_the_table():
    numbers = {str(1000 + place): meaning for place, meaning in enumerate(ResultMeaning)}
    table = result_table(numbers)
    assert {str(code) for code in table.rows} == set(numbers)
    assert table.meaning(200) is None
    assert table.meaning(1000) is ResultMeaning.OK


@pytest.mark.parametrize("code", [441, 448, 449])
def test_codes_beside_the_access_codes_are_told_from_others(code):
    table = result_table({str(code): None})
    assert table.is_unnamed_access(code)
    assert not table.is_unnamed_access(450)
    assert not table.is_unnamed_access(443)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"35": "posted"}, "posted"),
        ({"35": {"role": "shipped", "labels": "x"}}, "labels"),
        ({"35": {"label": "x"}}, "papel"),
        ({"35": {"role": "shipped", "label": ""}}, "label"),
        ({"35": {"role": "shipped", "label": 5}}, "label"),
        ({"": "shipped"}, "código"),
        ({"1" * 21: "shipped"}, "código"),
        ({"35": ["shipped"]}, "papel"),
        ({"35": 7}, "papel"),
        (["shipped"], "objeto JSON"),
    ],
)
def test_a_correction_that_does_not_fit_is_named_in_one_sentence(overrides, words):
    with pytest.raises(CodeTableError, match=words) as caught:
        situation_table(overrides)
    assert str(caught.value).startswith("KWAI_STATUS_ROLES")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("role", FORMER_ROLES)
def test_a_role_of_the_first_edition_names_the_new_one(role):
    with pytest.raises(CodeTableError, match=role) as caught:
        situation_table({"30": role})
    assert all(new in str(caught.value) for new in FORMER_ROLES[role])


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"x": "ok"}, "código"),
        ({"4.5": "ok"}, "código"),
        ({"450": "too_many"}, "too_many"),
        ({"450": None, "200": None}, "ok"),
        ({"450": 3}, "sentido"),
        ("ok", "objeto JSON"),
    ],
)
def test_a_result_that_does_not_fit_is_named_in_one_sentence(overrides, words):
    with pytest.raises(CodeTableError, match=words) as caught:
        result_table(overrides)
    assert str(caught.value).startswith("KWAI_RESULT_ROLES")


# A word of the ERP itself that happens to be that of a situation, and a tax code (CSOSN) that looks like one.
OWN_WORDS = {
    ("kwai_integration/models/binding.py", "Recebido"),
    ("kwai_integration/management/commands/kwai_demo.py", "102"),
}


def _sources() -> list[Path]:
    """The one room that may know a code of Kwai; others have numbers of their own (CST, UF, IBGE)."""
    files = (ROOT / "kwai_integration").rglob("*.py")
    return [path for path in files if "migrations" not in path.parts and path.name != "codes.py"]


def _spelt(path: Path) -> set[tuple[str, str]]:
    """Text constants of a module that equal the code or the label of a situation."""
    words = {row.label for row in SITUATIONS.values()}
    numbers = {row.code for row in SITUATIONS.values()}
    name, found = str(path.relative_to(ROOT)), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str) and (node.value in words or node.value in numbers):
            found.add((name, node.value))
    return found


def test_no_code_and_no_label_of_the_table_stands_elsewhere():
    spelt = {each for path in _sources() for each in _spelt(path)}
    assert spelt == OWN_WORDS


def test_no_label_of_the_table_stands_in_a_page_of_kwai():
    labels = {row.label for row in SITUATIONS.values()}
    pages = (ROOT / "templates" / "kwai").rglob("*.html")
    assert {label for page in pages for label in labels if f">{label}<" in page.read_text()} == set()


def test_no_result_number_stands_in_the_client_or_in_its_users():
    """HTTP statuses are numbers too; those stand in the transport alone. Round numbers are lengths as well."""
    numbers = {row.code for row in RESULTS.values() if row.code % 100}
    found = {
        (str(path.relative_to(ROOT)), part.value)
        for path in (ROOT / "kwai_integration").rglob("*.py")
        if "migrations" not in path.parts and path.name not in ("codes.py", "transport.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare | ast.Dict | ast.Match)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and type(part.value) is int and part.value in numbers
    }
    assert found == set()
