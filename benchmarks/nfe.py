"""What the validation of the notes costs, beside nfelib reading the same notes in the same run.

`make bench-nfe`, or `.venv/bin/python -m benchmarks.nfe`. Needs no running ERP: the import of 10,000 notes
(on a temporary SQLite file) and each hostile file run in processes of their own. Times are of one core in
ms: processor time, so that other work on the machine does not count. Memory is the peak resident set in MB.
The last line is one JSON object.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.invoices.factory import COMPANY_TAX_ID, nfe_xml

ROOT = Path(__file__).parent.parent
NOTES, WARM_UP, RUNS, NAIVE_RUNS, LARGE_RUNS, HOSTILE_RUNS = 100, 50, 1000, 60, 9, 3
ZIPS, MEMBERS = 20, 500
MANY = int(os.environ.get("BENCH_ZIPS", ZIPS))


def main() -> None:
    notes = [nfe_xml(number=number) for number in range(1, NOTES + 1)]
    figures: dict[str, Any] = {"note_bytes": len(notes[0]), "load": round(os.getloadavg()[0], 1)}
    figures |= speed(notes, nfe_xml(items=990))
    figures["ratio_naive"] = round(figures["naive_ms"] / figures["gate_ms"], 1)
    with tempfile.TemporaryDirectory() as folder:
        figures |= child("many", folder)
        figures["hostile"] = {name: hostile(name, make(), Path(folder)) for name, make in HOSTILE.items()}
    figures["hostile_max_ms"] = max(row["ms"] for row in figures["hostile"].values())
    figures["hostile_max_mb"] = max(row["mb"] for row in figures["hostile"].values())
    print(json.dumps(figures))


def speed(notes: Sequence[bytes], large: bytes) -> dict[str, float]:
    """The validation takes every step: parse, rules, digest, signature, XSD. nfelib only reads the fields."""
    from nfelib.nfe.bindings.v4_0.proc_nfe_v4_00 import NfeProc

    judge = judging()
    for note in notes[:WARM_UP]:
        if not judge(note):
            raise SystemExit("a note of the factory does not pass")
    texts = [note.decode() for note in notes]
    NfeProc.from_xml(texts[0])
    return {
        "gate_ms": median_ms(lambda run: judge(notes[run % NOTES]), RUNS),
        "naive_ms": median_ms(lambda run: NfeProc.from_xml(texts[run % NOTES]), NAIVE_RUNS),
        "gate_990_items_ms": median_ms(lambda _: judge(large), LARGE_RUNS),
        "naive_990_items_ms": median_ms(lambda _: NfeProc.from_xml(large.decode()), 3),
    }


def judging() -> Callable[[bytes], bool]:
    """True for a note with neither refusal nor warning."""
    from invoices.intake.files import CompanyFacts
    from invoices.intake.validation import judge

    company = CompanyFacts(frozenset({COMPANY_TAX_ID}), "homologation")

    def clean(content: bytes) -> bool:
        verdict = judge(content, company=company)
        return verdict.accepted and not verdict.warnings

    return clean


def median_ms(work: Callable[[int], object], runs: int) -> float:
    times = []
    for run in range(runs):
        started = time.process_time()
        work(run)
        times.append(time.process_time() - started)
    return round(statistics.median(times) * 1000, 2)


def peak_mb() -> float:
    """From /proc, because `ru_maxrss` of a new process begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.split("VmHWM:")[1].split()[0]) / 1024, 1)


# In a process of its own


def child(name: str, *arguments: str) -> dict[str, float]:
    code = f"from benchmarks import nfe; nfe.{name}(*{arguments!r})"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "erp.settings.test"}
    if name == "many":
        environment["DATABASE_URL"] = f"sqlite:///{arguments[0]}/bench.sqlite3"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def many(_folder: str) -> None:
    """10,000 notes from ZIPs through the product's own import: judged, stored, looked up among the orders."""
    import django
    from django.core.management import call_command

    django.setup()
    from erp.accounts.models import Company
    from invoices.imports import invoices_import
    from invoices.models import Invoice

    call_command("migrate", verbosity=0)
    place = {"state_code": "SP", "city": "São Paulo", "fiscal_environment": "homologation"}
    company = Company.objects.create(name="Medida", tax_id=COMPANY_TAX_ID, **place)
    peaks, seconds = [], 0.0
    for number in range(MANY):
        stream = zipped(number)
        started = time.process_time()
        invoices_import(company=company, files=[(f"{number}.zip", stream)], user=None)
        seconds += time.process_time() - started
        peaks.append(peak_mb())
    stored = Invoice.objects.count()
    if stored != MANY * MEMBERS:
        raise SystemExit(f"only {stored} notes were stored")
    row = {"zip_notes": stored, "zip_notes_per_s": round(stored / seconds)}
    print(json.dumps(row | {"zip_first_mb": peaks[0], "zip_last_mb": peaks[-1]}))


def zipped(number: int) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in range(MEMBERS):
            archive.writestr(f"{member}.xml", nfe_xml(number=number * MEMBERS + member + 1))
    stream.seek(0)
    return stream


def hostile(name: str, content: bytes, folder: Path) -> dict[str, float]:
    """The median of a few processes, each with the file on disk and a validation that is warm."""
    path = folder / "hostile"
    path.write_bytes(content)
    rows = [child("hostile_read", str(path)) for _ in range(HOSTILE_RUNS)]
    if any(row["passed"] for row in rows):
        raise SystemExit(f"{name} was let through")
    return {key: statistics.median(row[key] for row in rows) for key in ("ms", "mb")}


def hostile_read(path: str) -> None:
    from invoices.intake.archives import entries

    judge = judging()
    judge(nfe_xml())
    before, started = peak_mb(), time.process_time()
    with Path(path).open("rb") as stream:
        passed = [not entry.problem and judge(entry.content) for entry in entries("x", stream)]
    elapsed = round((time.process_time() - started) * 1000, 1)
    print(json.dumps({"ms": elapsed, "mb": round(peak_mb() - before, 1), "passed": any(passed)}))


# Hostile files


def one_member(content: bytes, name: str = "a.xml", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def many_members(count: int, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"{number}.xml", content)
    return stream.getvalue()


def in_note(old: str, new: str) -> bytes:
    return nfe_xml(document=lambda text: text.replace(old, new, 1))


def signed_with(old: str, new: str) -> bytes:
    """Correctly signed by somebody hostile."""
    return nfe_xml(content=lambda text: text.replace(old, new, 1))


def numbered(pattern: str, count: int) -> str:
    return " ".join(pattern.format(number) for number in range(count)) + " "


def doubling(levels: int, width: int) -> bytes:
    lines = [f'<!ENTITY a{n} "{f"&a{n - 1};" * width if n else "x" * 64}">' for n in range(levels)]
    return f"<!DOCTYPE a [{''.join(lines)}]><a>&a{levels - 1};</a>".encode()


HOSTILE: dict[str, Callable[[], bytes]] = {
    "entity bomb": lambda: doubling(12, 10),
    "quadratic entity": lambda: (
        b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 60_000 + b'">]><a>' + b"&b;" * 60_000 + b"</a>"
    ),
    "external entity": lambda: b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "11 MB text": lambda: in_note("<natOp>", "<natOp>" + "x" * 11_000_000),
    "2 MB text": lambda: signed_with("<natOp>", "<natOp>" + "x" * 2_000_000),
    "2 million elements": lambda: in_note("<det ", "<b/>" * 2_000_000 + "<det "),
    "as many elements as go in": lambda: signed_with("<det ", "<b/>" * 190_000 + "<det "),
    "as many wrong items as go in": lambda: signed_with("<det ", '<det nItem="1"/>' * 5_800 + "<det "),
    "attributes": lambda: in_note("<det ", "<det " + numbered('b{}=""', 19_000)),
    "as many attributes as go in": lambda: in_note("<det ", "<det " + numbered('b{}=""', 5_900)),
    "as many namespaces as go in": lambda: in_note("<NFe ", "<NFe " + numbered('xmlns:b{0}="u:{0}"', 5_900)),
    "as much text as goes in": lambda: signed_with("<natOp>", ("<natOp>" + "x" * 65_000) * 30),
    "depth": lambda: b"<a>" * 90_000,
    "truncated": lambda: nfe_xml(items=990)[:600_000],
    "wrong encoding": lambda: (
        nfe_xml(items=900, content=lambda text: text.replace("Camiseta", "Camiséta"))
        .decode()
        .encode("latin-1")
    ),
    "unknown encoding": lambda: in_note("UTF-8", "UTF-7"),
    "zip bomb": lambda: one_member(b"<" + b" " * 500_000_000),
    "zip of the largest bombs": lambda: many_members(500, b"<" + b" " * 4_000_000),
    "zip in zip": lambda: one_member(one_member(b" " * 50_000_000), "a.zip"),
    "zip of a million names": lambda: many_members(60_000, b""),
    "zip cut short": lambda: many_members(400, nfe_xml())[:-200],
}


if __name__ == "__main__":
    main()
