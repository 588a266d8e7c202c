"""What of each list stands on a screen, and what it weighs on the wire.

`make bench-screens`, `make bench-screens ARGS="--pictures DIR"`. Starts a demonstration of its own on the
embedded default, brings sixty and more orders through it (received, notes, shipments, groups, pushes) and
opens each list in chromium at 1280x720, 1440x900 and 390x844. The last line is one JSON object; at its top
level the worst list:

- `rows_min_desktop`, `rows_min_phone`: whole rows that are seen without scrolling, covered by nothing. A
  list with fewer rows than fit counts those that would still fit under its last one, each as tall as its
  tallest;
- `row_px_max`: the tallest row on a desktop;
- `first_page_kb_max`: the page itself (HTML, compressed, body alone) of fifty rows at most, in kB of 1,000
  bytes; scripts, styles and icons, which a browser keeps, stand in `assets_kb` once;
- `poll_bytes_max`: body of the answer to *anything newer?*, for nothing newer and for something newer
  alike; `poll_wire_bytes_max` is the same with status line and headers, `changes_bytes_max` what is fetched
  for one row.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page

from benchmarks.demonstration import MERCHANT, Demonstration, chromium, demonstration
from benchmarks.open_list import ASKS_NEWER, HAS_ROWS, rows_header, rows_of, stamp_of

LISTS = {
    "pedidos": "/pedidos/",
    "pedidos no e-commerce": "/pedidos-no-e-commerce/",
    "notas": "/notas/",
    "expedição": "/expedicao/",
    "expedição por pedidos": "/expedicao/?agrupamentos=pedidos",
    "envios": "/envios-ao-kwai/",
    "estoque": "/estoque/",
    "produtos": "/produtos/",
}
DESKTOPS = {"1280x720": (1280, 720), "1440x900": (1440, 900)}
PHONE = "390x844"
SCREENS = {**DESKTOPS, PHONE: (390, 844)}
ORDERS = 80
# A row counts when nothing lies over its lower edge.
SEEN = """() => {
  const rows = [...document.querySelectorAll('[data-rows] > tr')];
  const boxes = rows.map((row) => row.getBoundingClientRect());
  const isSeen = (row, box) => box.top >= 0 && box.bottom <= innerHeight
    && row.contains(document.elementFromPoint(box.left + box.width / 2, box.bottom - 2));
  const tallest = Math.max(0, ...boxes.map((box) => box.height));
  const seen = rows.filter((row, at) => isSeen(row, boxes[at])).length;
  const end = boxes.length ? boxes[boxes.length - 1].bottom : innerHeight;
  return { rows: rows.length, seen, tallest,
    more: Math.max(0, Math.floor((innerHeight - end) / tallest)) || 0 };
}"""
ASSETS = (
    """() => performance.getEntriesByType('resource').reduce((sum, each) => sum + each.encodedBodySize, 0)"""
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of each list on each screen")
    options = parser.parse_args()
    with demonstration() as shown, chromium() as browser:
        shown.step("connect")
        for kind, count in (("SELLER", ORDERS * 3 // 4), ("KWAI_ENVIOS", ORDERS // 4)):
            shown.sandbox("POST", "orders", {"merchantId": MERCHANT, "count": count, "shippingType": kind})
        shown.step("day", str(ORDERS))
        page = browser.new_context(locale="pt-BR", timezone_id="America/Sao_Paulo").new_page()
        shown.sign_in(page)
        assets = page.evaluate(ASSETS) / 1000
        lists = {name: seen(page, shown, name, options.pictures) for name in LISTS}
        session = {each["name"]: each["value"] for each in page.context.cookies()}["sessionid"]
        for name, address in LISTS.items():
            lists[name] |= weight(shown, address, session)
    figures = worst(lists) | {"assets_kb": round(assets, 1), "load": round(os.getloadavg()[0], 1)}
    print(json.dumps(figures | {"lists": lists}, ensure_ascii=False))


def seen(page: Page, shown: Demonstration, name: str, pictures: Path | None) -> dict[str, Any]:
    """Whole rows on each screen, and how tall they are."""
    found: dict[str, Any] = {}
    for screen, (width, height) in SCREENS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(shown.erp + LISTS[name])
        page.locator("[data-rows] > tr").first.wait_for()
        page.evaluate("document.fonts.ready")
        measured = page.evaluate(SEEN)
        fits = measured["seen"] + (measured["more"] if measured["seen"] == measured["rows"] else 0)
        found[screen] = {"rows": fits, "row_px_max": round(measured["tallest"], 1), "of": measured["rows"]}
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=pictures / f"{name.replace(' ', '-')}-{screen}.png")
        print(f"{name:22s} {screen:9s} {found[screen]}", flush=True)
    return found


def weight(shown: Demonstration, address: str, session: str) -> dict[str, Any]:
    """Bytes of a list, of its polls and of one row that changed."""
    url, cookies = shown.erp + address, {"sessionid": session}

    def asked(headers: dict[str, str]) -> requests.Response:
        return requests.get(url, headers=headers | {"Accept-Encoding": "gzip"}, cookies=cookies, timeout=60)

    body, _ = _bytes(url, cookies, {})
    text = asked({}).text
    rows = rows_of(text)
    polls = [_bytes(url, cookies, {ASKS_NEWER: stamp}) for stamp in (stamp_of(text), "older")]
    one_changed = rows_header(dict(list(rows.items())[1:]))
    changes, _ = _bytes(url, cookies, {HAS_ROWS: one_changed})
    return {
        "first_page_kb": round(body / 1000, 1),
        "rows_of_page": len(rows),
        "poll_bytes": max(size for size, _ in polls),
        "poll_wire_bytes": max(size + head for size, head in polls),
        "changes_bytes": changes,
    }


def _bytes(url: str, cookies: dict[str, str], headers: dict[str, str]) -> tuple[int, int]:
    """What came over the wire: of the body, compressed as it is, and of what stands before it."""
    answer = requests.get(
        url, headers=headers | {"Accept-Encoding": "gzip"}, cookies=cookies, timeout=60, stream=True
    )
    answer.raise_for_status()
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    return len(answer.raw.read(decode_content=False)), head + len(f"HTTP/1.1 {answer.status_code} OK\r\n\r\n")


def worst(lists: dict[str, dict[str, Any]]) -> dict[str, Any]:
    own = lists.values()
    return {
        "rows_min_desktop": min(each[screen]["rows"] for each in own for screen in DESKTOPS),
        "rows_min_phone": min(each[PHONE]["rows"] for each in own),
        "row_px_max": max(each[screen]["row_px_max"] for each in own for screen in DESKTOPS),
        "first_page_kb_max": max(each["first_page_kb"] for each in own),
        "poll_bytes_max": max(each["poll_bytes"] for each in own),
        "poll_wire_bytes_max": max(each["poll_wire_bytes"] for each in own),
        "changes_bytes_max": max(each["changes_bytes"] for each in own),
    }


if __name__ == "__main__":
    main()
