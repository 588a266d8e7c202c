from __future__ import annotations

from django.http import QueryDict

from erp.web.requests import text_of


def test_text_is_trimmed_cut_and_without_nul() -> None:
    values = QueryDict(mutable=True)
    values["q"] = " \x00 caneca azul  "

    assert text_of(values, "q") == "caneca azul"
    assert text_of(values, "q", 6) == "caneca"
    assert text_of(values, "other") == ""
