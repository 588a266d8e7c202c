"""Every name that a settings module reads may stand in `.env`, the real environment wins, and a value that cannot
be used is one sentence that names it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erp.runtime import demo
from erp.settings.environment import Environment

ROOT = Path(__file__).resolve().parents[3]
REAL = "https://api-shop.kwai.com"
NEEDED = {
    "SECRET_KEY": "needed-secret-needed-secret-needed-secret-0123456789",
    "FIELD_KEYS": "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
KEY = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
NO_FLAG = ("maybe", "2", "ligado")
NO_TABLE = (
    "{", "[]", "1", "null", "{ship_order: /x}", "['a']", '{"a": 1, "a": 2}', "[" * 100_000, '{"unknown": "x"}',
)  # fmt: skip
NO_ADDRESS = (
    "erp.example", "//erp.example", "ftp://erp.example", "https://", "https://:8000", "https://erp.example:0",
    "https://erp.example:65536", "https://erp.example:port", "https://ana:s3gr3do@erp.example", "https://erp..example",
    "https://erp example", "https://[::g]", "https://[1", "https://-.example", "https://erp.example\nx",
)  # fmt: skip
NO_PAGE = ("https://erp.example/page", "https://erp.example?x=1", "https://erp.example#x")
NO_FOLDER = ("/dev/null", "/dev/null/below", "a\nb", "/" + "x" * 5000)


def outside(low: float, high: float) -> tuple[str, ...]:
    """What is no number from `low` to `high`."""
    return (f"{low - 1:g}", f"{high + 1:.0f}", "abc", "5s", "1,5", "--5", "nan", "inf", "9" * 5000, "1 2")


# For every name that a settings module reads: a value other than the default, and values that cannot be used.
VALUES: dict[str, tuple[str, tuple[str, ...]]] = {
    "ALLOWED_HOSTS": ("erp.example,.example.com", ("*", "https://erp.example", "erp.example:8000", "a b", "a;b", "ação")),
    "BACKUP_DIR": ("var/other-backups", NO_FOLDER),
    "BACKUP_KEEP": ("15", outside(1, 3_650)),
    "BEHIND_TLS_PROXY": ("on", NO_FLAG),
    "BROKER_DIR": ("var/other-broker", NO_FOLDER),
    "DATABASE_URL": (
        "postgres://erp:p%40ss@database:5432/erp?sslmode=require",
        (
            "erp.sqlite3", "mysql://a:b@c/d", "postgres://erp", "postgres://a:s3gr3do#1@c/d", "postgres://a:b@c:port/d",
            "postgres://a:b@c/", "postgres://a:b@c:65536/d", "postgres://a:b@c/d?sslmode=maybe",
            "postgres://a:b@c/d?nothing=1", "postgres://a:b@c/d?sslrootcert=/none", f"postgres://a:b@c/{'d' * 64}",
            "postgres://a:b@c/d?connect_timeout=x", "postgres://a:%00@c/d", "postgres://[1/d", "sqlite", "sqlite://",
            "sqlite:///", "sqlite://var/erp.sqlite3", "sqlite:////dev/null/erp.sqlite3", "sqlite:////s3gr3do/erp.sqlite3",
            "sqlite:////etc/passwd", "sqlite:////etc", "sqlite:///var/x.sqlite3?timeout=1", "oracle://a:b@c/d",
        ),
    ),
    "DEBUG": ("on", NO_FLAG),
    "EMAIL_FROM": ("ERP <erp@example.com>", ("erp", "erp@", "@example.com", "a@b c", "a@b.example\nBcc: c@d.example")),
    "EMAIL_URL": (
        "smtp://ana%40example.com:word@smtp.example.com:465?ssl=on",
        (
            "imap://ana:s3gr3do@x.example", "smtp.example.com", "smtp://", "smtp://x.example:port", "smtp://x.example/a",
            "smtp://ana:wo#rd@x.example", "smtp://x.example:65536", "smtp://x.example?ssl=maybe", "smtp://[1",
            "smtp://a:b@x.example?timeout=ten",
        ),
    ),
    "ERP_DEMO": ("1", NO_FLAG),
    "ERP_PORT": ("8123", outside(1, 65_535)),
    "FIELD_KEYS": (
        f"k2:{KEY}, {NEEDED['FIELD_KEYS']}",
        ("k1", "k1:s3gr3do", f":{KEY}", KEY, f"k1:{KEY},k1:{KEY}", f"k1:{KEY[:-1]}", f"k 1:{KEY}", f"k1:{KEY};k2:{KEY}", ","),
    ),
    "KWAI_API_URL": ("https://other.example", NO_ADDRESS + NO_PAGE),
    "KWAI_APP_KEY": ("ks1", ("s3gr3do 1", "ção", "ks1\nx")),
    "KWAI_APP_RATE": ("7", outside(0.1, 1_000)),
    "KWAI_APP_SECRET": ("app-word", ("s3gr3do s3gr3do", "ção", "a\tb")),
    "KWAI_CONFIRM_FIRST_PUSH": ("off", NO_FLAG),
    "KWAI_CONSENT_URL": ("https://consent.example/page", NO_ADDRESS),
    "KWAI_DAILY_CALLS": ("12", outside(1, 1_000_000_000)),
    "KWAI_FIELDS": (
        '{"order.status": "state"}',
        (*NO_TABLE, '{"order.status": 1}', '{"order.status": ""}', '{"order.status": "orderId"}', '{"order.status": "a\\nb"}'),
    ),
    "KWAI_MESSAGE_KEY": ("AAECAwQFBgcICQoLDA0ODw==", ("AAEC", "AAECAwQFBgcICQoLDA0ODw", "*" * 24, "s3gr3do", "AAEC s3gr3do")),
    "KWAI_PATHS": (
        '{"ship_order": "/rest/other"}',
        (*NO_TABLE, '{"ship_order": "rest"}', '{"ship_order": 1}', '{"ship_order": "/a b"}', '{"ship_order": "/a?b=1"}',
         '{"ship_order": "//other.example/a"}', '{"ship_order": null}'),
    ),
    "KWAI_ANSWER_DAYS": ("181", outside(0, 36_500)),
    "KWAI_POLL_OVERLAP_SECONDS": ("13", outside(1, 86_400)),
    "KWAI_POLL_SECONDS": ("14", outside(1, 3_600)),
    "KWAI_RESULT_ROLES": (
        '{"448": "clock_wrong"}',
        (*NO_TABLE, '{"448": "nothing"}', '{"448": 1}', '{"448": ["ok"]}', '{"--5": "ok"}', '{"0448": "ok"}',
         '{"4.5": "ok"}', '{"9999999999": "ok"}', '{"200": null}'),
    ),
    "KWAI_SIGN_ACCESS_TOKEN": ("on", NO_FLAG),
    "KWAI_SIGN_HOST": ("sign.example", ("https://sign.example", "sign.example:443", "sign.example/x", "a b", "a..b", "[1]")),
    "KWAI_SIGN_SECRET": ("sign-word", ("s3gr3do s3gr3do", "ção", "a\x7fb")),
    "KWAI_STATUS_ROLES": (
        '{"77": {"role": "to_arrange", "label": "A programar"}}',
        (*NO_TABLE, '{"30": "SHIPPED"}', '{"30": "payable"}', '{"30": 1}', '{"30": {}}', '{"30": ["shipped"]}',
         '{"30": {"role": "shipped", "lable": "x"}}', '{"30": {"role": ["shipped"]}}', '{"30": {"label": "x"}}',
         '{"30": {"role": "shipped", "label": ""}}', '{"30": {"role": "shipped", "label": null}}', '{"": "shipped"}',
         '{" 30": "shipped"}', '{"3\\u0000": "shipped"}', '{"30": {"role": "shipped", "label": "a\\u0000b"}}',
         '{"123456789012345678901": "shipped"}'),
    ),
    "KWAI_STORE_RATE": ("3", outside(0.1, 1_000)),
    "LABELS_DIR": ("var/other-labels", NO_FOLDER),
    "LOG_FORMAT": ("json", ("xml", "plain json")),
    "LOG_LEVEL": ("debug", ("VERBOSE", "10")),
    "METRICS_TOKEN": ("m" * 20, ("s3gr3do", "s3gr3do s3gr3do s3gr3do s3gr3do", "ç" * 30, "m" * 201)),
    "NFE_OTHER_CERTIFICATE": ("refuse", ("never", "on")),
    "OUTBOX_COALESCE_SECONDS": ("5", outside(0, 60)),
    "OUTBOX_DAY_STARTS_UTC_HOUR": ("4", outside(0, 23)),
    "OUTBOX_LEASE_SECONDS": ("61", outside(1, 3_600)),
    "WORK_LEASE_SECONDS": ("61", outside(1, 3_600)),
    "OUTBOX_RETRY_HOURS": ("8", outside(1, 720)),
    "OUTBOX_STORE_CONCURRENCY": ("9", outside(1, 100)),
    "OUTBOX_THREADS": ("9", outside(1, 100)),
    "PUBLIC_URL": ("https://erp.example", NO_ADDRESS + NO_PAGE),
    "READY_OLDEST_JOB_SECONDS": ("10", outside(1, 604_800)),
    "REDIS_URL": (
        "redis://:p%40ss@redis.example:6379/1",
        (
            "redis.example:6379", "http://redis.example", "redis://", "redis://redis.example:port", "redis://r/db",
            "redis://r:65536/0", "redis://:s3gr3do#@r", "redis://r/0?x=1", "rediss://r/0", "rediss://r/0?ssl_cert_reqs=x",
        ),
    ),
    "SANDBOX_PORT": ("8101", outside(1, 65_535)),
    "SECRET_KEY": ("other-secret-other-secret-other-secret-0123456789-x", ("s3gr3do", "x" * 80, "abc" * 30)),
}  # fmt: skip
# Only the environment can say it, so that it is no name of `.env.example`.
NOT_IN_THE_FILE = {"ERP_READ_ENV": ("0", NO_FLAG)}
# Values that other values make wrong.
TOGETHER: list[tuple[str, dict[str, str]]] = [
    ("DEBUG", {"DEBUG": "on", "PUBLIC_URL": "https://erp.example"}),
    ("EMAIL_FROM", {"EMAIL_URL": "smtp://apikey:word@smtp.example"}),
    ("KWAI_API_URL", {"ERP_DEMO": "1", "KWAI_API_URL": REAL}),
    ("SANDBOX_PORT", {"ERP_DEMO": "1", "ERP_PORT": "8100"}),
]
# Loads the settings anew for each case, a line of standard input; prints them and what the checks say.
LOADER = """
import json, os, sys
from pathlib import Path
import django
from django.conf import Settings, settings
from django.core.checks import run_checks
from erp.settings import checks, environment
clean = dict(os.environ)
django.setup()
for line in sys.stdin:
    case = json.loads(line)
    os.environ.clear()
    os.environ.update(clean | case["environment"])
    lines = "".join(f"{name}='{value}'\\n" for name, value in case["file"].items())
    Path(".env").write_bytes(case["raw"].encode("latin-1") + lines.encode())
    environment.shared_env.cache_clear()
    kept = ("erp.settings", checks.__name__, environment.__name__)
    for name in [name for name in sys.modules if name.startswith("erp.settings") and name not in kept]:
        del sys.modules[name]
    settings._wrapped = Settings("erp.settings.base")
    values = {name: repr(value) for name, value in vars(sys.modules["erp.settings.base"]).items() if name.isupper()}
    said = [message.msg for message in run_checks(tags=[checks.TAG])]
    print(json.dumps({"values": values, "said": said}), flush=True)
"""
Case = dict[str, Any]


def case(file: dict[str, str] | None = None, *, raw: str = "", **environment: str) -> Case:
    """`raw` stands before the lines of `file`, each character one byte."""
    return {"file": NEEDED | (file or {}), "raw": raw, "environment": environment}


PACKAGES = ("erp", "kwai_integration", "invoices", "expedition")


def sources() -> Iterator[Path]:
    return (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def names_read() -> set[str]:
    """The names in capitals that are given to a reading method of the reader, whatever it is called there."""
    readers = {
        name for name, method in vars(Environment).items() if "name" in getattr(method, "__annotations__", ())
    }
    nodes = (node for path in sources() for node in ast.walk(ast.parse(path.read_text())))
    calls = (node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    firsts = [call.args[0] for call in calls if call.func.attr in readers and call.args]
    return {
        str(first.value) for first in firsts if isinstance(first, ast.Constant) and str(first.value).isupper()
    }


class Folder:
    """A copy of the product with a `.env` of its own, and one process that loads the settings there."""

    def __init__(self, path: Path) -> None:
        (path / "var").mkdir()
        for package in PACKAGES:
            shutil.copytree(ROOT / package, path / package, ignore=shutil.ignore_patterns("__pycache__"))
        own = (*VALUES, *NOT_IN_THE_FILE, "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if name not in own}
        kept["DJANGO_SETTINGS_MODULE"] = "erp.settings.base"
        command = [sys.executable, "-c", LOADER]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=path, env=kept, stdin=pipe, stdout=pipe, text=True)

    def loaded(self, *cases: Case) -> list[dict[str, Any]]:
        assert self.process.stdin
        assert self.process.stdout
        found = []
        for each in cases:
            self.process.stdin.write(json.dumps(each) + "\n")
            self.process.stdin.flush()
            found.append(json.loads(self.process.stdout.readline()))
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    made = Folder(tmp_path_factory.mktemp("copy"))
    with made.process as process:
        yield made
        assert process.stdin
        process.stdin.close()


@pytest.fixture(scope="module")
def loads(folder: Folder) -> dict[str, list[dict[str, Any]]]:
    """Per name: the defaults, and the settings with its value in the file, and in the environment over
    another in the file."""
    cases = [case()]
    for name, (value, _) in VALUES.items():
        cases += [case({name: value}), case({name: "from-the-file"}, **{name: value})]
    default, *rest = folder.loaded(*cases)
    return {name: [default, *rest[2 * place : 2 * place + 2]] for place, name in enumerate(VALUES)}


@pytest.fixture(scope="module")
def refusals(folder: Folder) -> dict[str, list[list[str]]]:
    """Per name: what is said of each of its values that cannot be used."""
    wrong = {name: values for name, (_, values) in (VALUES | NOT_IN_THE_FILE).items()}
    said = iter(folder.loaded(*(case(**{name: value}) for name, values in wrong.items() for value in values)))
    return {name: [next(said)["said"] for _ in values] for name, values in wrong.items()}


def test_every_name_that_is_read_has_its_values_here() -> None:
    assert names_read() == {*VALUES, *NOT_IN_THE_FILE}


def test_nothing_reads_the_environment_beside_the_one_reader() -> None:
    """What starts a process names its settings or hands its environment on; the demonstration does both."""
    allowed = {
        ROOT / "erp" / "settings" / "environment.py",
        ROOT / "erp" / "settings" / "test.py",
        Path(demo.__file__),
    }
    reading = re.compile(r"environ(\.get|\[|b\b)|getenv")
    assert [path for path in sources() if path not in allowed and reading.search(path.read_text())] == []


def test_every_name_that_is_read_is_explained() -> None:
    text = (ROOT / ".env.example").read_text()
    assert [name for name in sorted(VALUES) if f"# {name}=" not in text] == []


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_name_in_the_file_counts_and_one_in_the_environment_wins(
    loads: dict[str, list[dict[str, Any]]], name: str
) -> None:
    default, from_file, from_environment = loads[name]
    assert [found["said"] for found in loads[name]] == [[], [], []]
    assert from_file["values"] != default["values"]
    assert from_file["values"] == from_environment["values"]


@pytest.mark.parametrize("name", sorted(VALUES | NOT_IN_THE_FILE))
def test_a_value_that_cannot_be_used_is_one_sentence_that_names_it(
    refusals: dict[str, list[list[str]]], name: str
) -> None:
    values = (VALUES | NOT_IN_THE_FILE)[name][1]
    assert len(values) >= 2
    for value, said in zip(values, refusals[name], strict=True):
        assert len(said) == 1, (value[:80], said)
        assert re.match(rf"{name}\b.*\.$", said[0]), (value[:80], said)
        assert "s3gr3do" not in said[0]


@pytest.mark.parametrize(("name", "values"), TOGETHER)
def test_values_that_do_not_go_together_are_one_sentence(
    folder: Folder, name: str, values: dict[str, str]
) -> None:
    (found,) = folder.loaded(case(values))
    assert [sentence.split()[0] for sentence in found["said"]] == [name]


def test_all_values_that_cannot_be_used_are_said_at_once(folder: Folder) -> None:
    wrong = {name: values[0] for name, (_, values) in VALUES.items() if name != "DEBUG"}
    (found,) = folder.loaded(case(wrong))
    assert sorted(re.split(r"\W", sentence)[0] for sentence in found["said"]) == sorted(wrong)


def test_an_empty_value_is_an_absent_one(folder: Folder) -> None:
    names = [name for name in VALUES if name not in NEEDED]
    default, empty = folder.loaded(case(), case(dict.fromkeys(names, "")))
    assert empty == default


@pytest.mark.parametrize("name", NEEDED)
def test_a_secret_that_is_missing_is_said(folder: Folder, name: str) -> None:
    (found,) = folder.loaded(case({name: ""}))
    assert found["said"] == [f"Falta {name} no arquivo .env: execute `make setup`, que gera um valor."]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("\n\nKWAI_APP_KEY\n", "A linha 3 do arquivo .env não tem a forma NOME=valor"),
        ("DEBUG=off\nKWAI_APP_KEY='ks1\n", "A linha 2 do arquivo .env não tem a forma NOME=valor"),
        ("# ação\n", "O arquivo .env não pode ser lido"),
        ("KWAI_APP_KEY=a\0b\n", "O arquivo .env não pode ser lido"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(folder: Folder, raw: str, said: str) -> None:
    (found,) = folder.loaded(case(raw=raw, **NEEDED))
    assert len(found["said"]) == 1
    assert found["said"][0].startswith(said)


def test_a_file_of_an_editor_that_marks_its_start_is_read(folder: Folder) -> None:
    (found,) = folder.loaded(case(raw="\xef\xbb\xbfLOG_FORMAT=json\n"))
    assert found["said"] == []
    assert "'formatter': 'json'" in found["values"]["LOGGING"]


def test_the_file_is_left_alone_when_it_should_not_be_read(folder: Folder) -> None:
    values = {name: value for name, (value, _) in VALUES.items() if name not in NEEDED}
    unread, plain = folder.loaded(
        case(values, ERP_READ_ENV="0", **NEEDED), case(None, ERP_READ_ENV="0", **NEEDED)
    )
    assert unread == plain
    (refused,) = folder.loaded(case(ERP_READ_ENV="0"))
    assert [sentence.split()[1] for sentence in refused["said"]] == [*NEEDED]


def test_the_demonstration_chosen_in_the_file_has_its_own_defaults(folder: Folder) -> None:
    demonstration, real = folder.loaded(case({"ERP_DEMO": "1"}), case({"ERP_DEMO": "0"}))
    names = ("KWAI_API_URL", "KWAI_CONFIRM_FIRST_PUSH")
    assert [demonstration["values"][name] for name in names] == ["'http://127.0.0.1:8100'", "False"]
    assert [real["values"][name] for name in names] == [repr(REAL), "True"]


def test_the_address_follows_the_port_when_nobody_named_one(folder: Folder) -> None:
    (found,) = folder.loaded(case({"ERP_PORT": "8123"}))
    assert found["values"]["PUBLIC_URL"] == "'http://127.0.0.1:8123'"


@pytest.mark.parametrize("address", ["https://[::1]:8000/", "http://127.0.0.1", "https://Erp.Example.com.br"])
def test_the_public_address_may_be_used(folder: Folder, address: str) -> None:
    (found,) = folder.loaded(case({"PUBLIC_URL": address}))
    assert found["said"] == []
    host = address.split("://")[1].rstrip("/").removesuffix(":8000")
    assert repr(host) in found["values"]["ALLOWED_HOSTS"]


def test_a_star_for_all_hosts_is_for_debugging(folder: Folder) -> None:
    (found,) = folder.loaded(case({"ALLOWED_HOSTS": "*", "DEBUG": "on"}))
    assert found["said"] == []


@pytest.mark.parametrize(
    "address",
    [
        "postgres:///erp", "postgresql://erp@%2Fvar%2Frun%2Fpostgresql/erp", "postgres://a:b@[::1]:5432/d",
        "sqlite://:memory:", "sqlite:///var/with%20blank.sqlite3", "postgres://a@b/d?connect_timeout=9&application_name=x",
    ],
)  # fmt: skip
def test_addresses_of_a_database_that_may_be_used(folder: Folder, address: str) -> None:
    (found,) = folder.loaded(case({"DATABASE_URL": address}))
    assert found["said"] == []


@pytest.mark.parametrize(
    "address", ["redis://localhost", "rediss://a:b@r.example:6380/2?ssl_cert_reqs=required"]
)
def test_addresses_of_a_queue_that_may_be_used(folder: Folder, address: str) -> None:
    (found,) = folder.loaded(case({"REDIS_URL": address, "BROKER_DIR": "/dev/null"}))
    assert found["said"] == []
