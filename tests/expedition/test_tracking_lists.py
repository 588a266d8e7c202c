import io
import time

import pytest

from erp.spreadsheets.writing import xlsx_write
from expedition.tracking_lists import (
    MOST_LINES,
    KeyKind,
    TrackingKey,
    TrackingListError,
    tracking_key,
    tracking_list_parse,
)

EXPECTED = [("1042", "AA123456785BR"), ("1043", "AA473124829BR")]


def pairs(text: str) -> list[tuple[str, str]]:
    return [(line.key.text, line.code) for line in tracking_list_parse(text)]


@pytest.mark.parametrize(
    "text",
    [
        "1042;AA123456785BR\n1043;AA473124829BR",
        "1042,AA123456785BR\r\n1043,AA473124829BR\r\n",
        "1042\tAA123456785BR\n1043\tAA473124829BR",
        "1042 AA123456785BR\n\n1043   AA473124829BR\n",
        '"1042";"AA123456785BR"\n"1043";"AA473124829BR"',
        '="1042";AA123456785BR\n\'1043;AA473124829BR',
        "\ufeff1042;AA123456785BR\n1043;AA473124829BR",
        "pedido;código de rastreio\n1042;AA123456785BR\n1043;AA473124829BR",
        "Código de Rastreamento;Nº do Pedido\nAA123456785BR;1042\nAA473124829BR;1043",
        'cliente;pedido;rastreio\n"Silva; Ana";1042;AA123456785BR\nJosé;1043;AA473124829BR',
        "1042;AA123456785BR;extra\n;;\n1043;AA473124829BR",
        "sep=;\n1042;AA123456785BR\n1043;AA473124829BR",
        "Rastreios de novembro\nEmitida em: 20/11\npedido;rastreio\n1042;AA123456785BR\n1043;AA473124829BR",
    ],
)
def test_every_shape_of_a_list_says_the_same(text: str) -> None:
    assert pairs(text) == EXPECTED


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("pedido;rastreio", KeyKind.ORDER),
        ("Nº de expedição;rastreio", KeyKind.SHIPMENT),
        ("número no Kwai;tracking", KeyKind.EXTERNAL),
        ("número no e-commerce;objeto", KeyKind.EXTERNAL),
        ("chave de acesso;rastreio", KeyKind.ACCESS_KEY),
    ],
)
def test_the_heading_says_what_the_key_is(heading: str, kind: KeyKind) -> None:
    assert tracking_list_parse(f"{heading}\n77;AA123456785BR")[0].key == TrackingKey(kind, "77")


def test_lines_without_a_code_do_not_hide_what_parts_the_others() -> None:
    assert pairs("1042;AA123456785BR\n1043\n1044\n1045") == [
        ("1042", "AA123456785BR"),
        ("1043", ""),
        ("1044", ""),
        ("1045", ""),
    ]


def test_a_spreadsheet_reads_like_a_list() -> None:
    stream = io.BytesIO()
    xlsx_write(
        [["Rastreios"], ["Pedido", "Código de rastreio"], [1042, "AA123456785BR"], [7e17, "X"]], stream
    )
    whole, rounded = tracking_list_parse(stream)
    assert (whole.number, whole.key, whole.code) == (3, TrackingKey(KeyKind.ORDER, "1042"), "AA123456785BR")
    assert "arredondou" in rounded.problem


def test_a_first_line_with_data_is_no_heading() -> None:
    assert pairs("1042;objeto1") == [("1042", "objeto1")]


def test_lines_are_counted_as_an_editor_counts() -> None:
    lines = tracking_list_parse("pedido;rastreio\n\n1042;AA123456785BR\n1043;")
    assert [(line.number, line.problem) for line in lines] == [(3, ""), (4, "Falta o código de rastreio.")]


def test_a_rounded_number_is_named() -> None:
    (line,) = tracking_list_parse("7,00000E+17;AA123456785BR".replace(",", "."))
    assert "arredondou" in line.problem


def test_time_grows_with_the_list_not_with_its_square() -> None:
    """A number of 100,000 digits once kept a web process busy for half a minute."""
    began = time.process_time()
    (line,) = tracking_list_parse("9" * 100_000 + " AA123456785BR")
    assert line.problem == ""
    assert time.process_time() - began < 2


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff", "pedido;rastreio\n"])
def test_an_empty_list_is_refused(text: str) -> None:
    with pytest.raises(TrackingListError, match="vazia"):
        tracking_list_parse(text)


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(TrackingListError, match="linhas"):
        tracking_list_parse("1;A\n" * (MOST_LINES + 1))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_of_every_usual_encoding_read_the_same(encoding: str) -> None:
    text = "expedição;código de rastreio\n1;AA123456785BR"
    assert tracking_list_parse(io.BytesIO(text.encode(encoding)))[0].key == TrackingKey(KeyKind.SHIPMENT, "1")


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("P12", TrackingKey(KeyKind.ORDER, "12")),
        (" e12 ", TrackingKey(KeyKind.SHIPMENT, "12")),
        ("#12", TrackingKey(KeyKind.ANY, "12")),
        ("3526 " * 10 + "0000", TrackingKey(KeyKind.ACCESS_KEY, "3526" * 10 + "0000")),
        ("12\x00\ud800", TrackingKey(KeyKind.ANY, "12")),
        ("PEDIDO", TrackingKey(KeyKind.ANY, "PEDIDO")),
    ],
)
def test_tracking_key(typed: str, key: TrackingKey) -> None:
    assert tracking_key(typed) == key
