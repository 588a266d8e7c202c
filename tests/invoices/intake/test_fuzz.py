"""Bounded fuzzing: whatever bytes arrive, the validation answers; and what it accepts is what was signed.

The oracle is independent of the validation: the part is cut out, parsed again as a document of its own and written in
*inclusive* canonical form, as the standard says. An accepted note has that form unchanged.
"""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from invoices.intake.validation import InvoiceVerdict, judge
from tests.invoices.factory import DSIG, NFE, event_xml, nfe_xml
from tests.invoices.intake.test_rules import COMPANY

NOTE, EVENT = nfe_xml(), event_xml()
SNIPPETS = (
    b"<!-- x -->",
    b"<?x y?>",
    b"<![CDATA[1]]>",
    b"<![CDATA[]]>",
    b"&#49;",
    b"&amp;",
    b"&x;",
    b' xmlns:x="urn:x"',
    b' xmlns=""',
    b' xmlns="urn:x"',
    b' a="b"',
    b' xml:space="preserve"',
    b" ",
    b"\r\n",
    b"\xc2\xa0",
    b"\x00",
    b"<x/>",
    b"<vNF>1.00</vNF>",
    b"</vNF><vNF>",
    b"1",
)
bounded = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def verdict(content: bytes) -> InvoiceVerdict:
    return judge(content, company=COMPANY)


def signed_forms(content: bytes) -> list[bytes]:
    """Inclusive canonical form of every signed part."""
    root = etree.fromstring(content)
    paths = (f"{{{NFE}}}infNFe", f"{{{NFE}}}evento/{{{NFE}}}infEvento", f"{{{DSIG}}}SignedInfo")
    parts = [part for path in paths for part in root.findall(f".//{path}")]
    alone = (etree.fromstring(etree.tostring(part, with_tail=False)) for part in parts)
    return [etree.tostring(part, method="c14n", with_comments=False) for part in alone]


def holds(original: bytes, changed: bytes) -> None:
    before, after = verdict(original), verdict(changed)
    passed = (after.accepted or after.event is not None) and not after.refusals
    if passed:
        assert (after.reading, after.event) == (before.reading, before.event)
        assert signed_forms(changed) == signed_forms(original)


# Outside the signed part a change may pass and change what is read (SEFAZ's protocol is not signed by the issuer).
def signed_range(content: bytes, tag: bytes) -> tuple[int, int]:
    return content.index(b"<" + tag), content.index(b"</" + tag) + len(tag) + 3


NOTE_RANGE, EVENT_RANGE = signed_range(NOTE, b"infNFe"), signed_range(EVENT, b"infEvento")
INFO_RANGE = signed_range(NOTE, b"SignedInfo")


@bounded
@given(st.integers(*NOTE_RANGE), st.integers(0, 255))
def test_a_changed_byte_of_a_note(position: int, byte: int) -> None:
    holds(NOTE, NOTE[:position] + bytes([byte]) + NOTE[position + 1 :])


@bounded
@given(st.integers(*INFO_RANGE), st.integers(0, 255))
def test_a_changed_byte_of_what_the_signature_covers(position: int, byte: int) -> None:
    holds(NOTE, NOTE[:position] + bytes([byte]) + NOTE[position + 1 :])


@bounded
@given(st.integers(*NOTE_RANGE), st.sampled_from(SNIPPETS))
@example(NOTE.index(b"<vNF>") + 4, b' xmlns:x="urn:x"')
@example(NOTE.index(b"<infNFe") + 7, b' xmlns:x="urn:x"')
@example(NOTE.index(b"<vNF>") + 4, b' xmlns=""')
@example(NOTE.index(b"<vNF>") + 6, b"<!-- x -->")
def test_a_piece_put_into_a_note(position: int, snippet: bytes) -> None:
    holds(NOTE, NOTE[:position] + snippet + NOTE[position:])


@bounded
@given(st.integers(*NOTE_RANGE), st.integers(1, 60), st.integers(*NOTE_RANGE))
def test_a_piece_cut_out_or_moved(position: int, length: int, target: int) -> None:
    piece, rest = NOTE[position : position + length], NOTE[:position] + NOTE[position + length :]
    holds(NOTE, rest)
    holds(NOTE, rest[:target] + piece + rest[target:])


@bounded
@given(st.integers(*EVENT_RANGE), st.one_of(st.sampled_from(SNIPPETS), st.binary(min_size=1, max_size=2)))
def test_an_event_is_no_easier(position: int, snippet: bytes) -> None:
    holds(EVENT, EVENT[:position] + snippet + EVENT[position + len(snippet) :])
    holds(EVENT, EVENT[:position] + snippet + EVENT[position:])


@bounded
@given(st.binary(max_size=400), st.integers(0, len(NOTE) - 1))
def test_any_bytes_get_a_verdict(content: bytes, cut: int) -> None:
    for document in (
        content,
        b"<nfeProc>" + content,
        NOTE[:cut] + content,
        NOTE[:cut],
        EVENT[:cut] + content,
    ):
        assert not verdict(document).accepted or document == NOTE


@bounded
@given(st.integers(0, len(NOTE) - 1), st.binary(min_size=1, max_size=4))
def test_no_byte_anywhere_crashes_the_validation(position: int, piece: bytes) -> None:
    verdict(NOTE[:position] + piece + NOTE[position + len(piece) :])
    verdict(EVENT[:position] + piece + EVENT[position + len(piece) :])
