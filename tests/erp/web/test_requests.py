from __future__ import annotations

from django.http import QueryDict

from erp.web.requests import MOST_IDS, ids_of, text_of, undone_first


def test_text_is_trimmed_cut_and_without_nul() -> None:
    values = QueryDict(mutable=True)
    values["q"] = " \x00 caneca azul  "

    assert text_of(values, "q") == "caneca azul"
    assert text_of(values, "q", 6) == "caneca"
    assert text_of(values, "other") == ""


def test_a_forged_request_brings_no_more_ids_than_anybody_ticks() -> None:
    texts = [",".join(str(number) for number in range(1, 3 * MOST_IDS))]
    assert ids_of(texts) == list(range(1, MOST_IDS + 1))


def test_who_repeats_the_same_ticks_goes_on_with_the_others() -> None:
    ticked, done = list(range(1, 148)), set[int]()
    for left in (47, 0):
        page, then = undone_first(ticked, done, 100)
        assert (len(page), then) == (100, left)
        done |= set(page)
    assert done == set(ticked)
