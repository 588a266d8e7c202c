"""Files of a work: kept in chunks, read as a stream, erased when no row needs them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from erp.work.files import file_keep, file_open, files_erase_unneeded
from erp.work.models import CHUNK_BYTES, Work, WorkFile, WorkFileChunk, WorkRow
from erp.work.retention import KEEP, KEEP_UNUSED_FILES, works_expire
from erp.work.running import work_run
from erp.work.services import WorkRowDraft, work_extend, work_prepare, work_stop

pytestmark = pytest.mark.django_db
CONTENT = bytes(range(256)) * (CHUNK_BYTES // 128) + b"end"  # two chunks and a bit


@pytest.fixture
def work(make_work: Callable[..., Work]) -> Work:
    return make_work(1)


def keep(work: Work, content: bytes, most: int | None = None) -> WorkFile:
    return file_keep(work=work, name="a.bin", source=io.BytesIO(content), most=most)


def test_a_file_reads_as_it_was_written(work: Work) -> None:
    kept = keep(work, CONTENT)
    assert (kept.size, kept.chunks.count()) == (len(CONTENT), 3)
    with file_open(kept) as stream:
        assert stream.read() == CONTENT
        stream.seek(CHUNK_BYTES - 2)
        assert stream.read(4) == CONTENT[CHUNK_BYTES - 2 : CHUNK_BYTES + 2]
        stream.seek(-3, io.SEEK_END)
        assert stream.read() == b"end"
        assert stream.read() == b""


@pytest.mark.parametrize("most", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 10 * CHUNK_BYTES])
def test_no_byte_past_the_cap_is_kept(work: Work, most: int) -> None:
    kept = keep(work, CONTENT, most)
    assert kept.size == min(most, len(CONTENT))
    assert file_open(kept).read() == CONTENT[:most]


def test_a_member_of_a_zip_costs_no_reading_of_the_others(work: Work) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}", bytes([number]) * CHUNK_BYTES)
    kept = keep(work, packed.getvalue())
    with CaptureQueriesContext(connection) as queries, zipfile.ZipFile(file_open(kept)) as archive:
        assert archive.read("33") == bytes([33]) * CHUNK_BYTES
    assert len(queries) < 10


def test_a_file_goes_with_its_last_row_and_stays_for_one_being_added(
    work: Work, make_work: Callable[..., Work]
) -> None:
    first, second, being_added = (keep(work, b"x") for _ in range(3))
    work_extend(
        work=work,
        rows=[
            WorkRowDraft("r1", file=first),
            WorkRowDraft("r2", file=second),
            WorkRowDraft("r3", file=second),
        ],
    )
    work.rows.filter(name__in=["r1", "r2"]).update(outcome="done")
    files_erase_unneeded(work=work)
    assert set(work.files.all()) == {second, being_added}
    assert work.rows.get(name="r1").file is None
    work_run(work_id=work.pk, seconds=60)
    assert set(work.files.all()) == {being_added}
    assert WorkFileChunk.objects.count() == 1


def age(work: Work, days: timedelta) -> None:
    Work.objects.filter(pk=work.pk).update(created_at=timezone.now() - days, turn_at=timezone.now() - days)


def test_what_nobody_needs_any_more_is_erased(make_work: Callable[..., Work]) -> None:
    finished, stopped, young = make_work(3), make_work(3), make_work(3)
    empty = work_prepare(kind="test", company=young.company, asked_by=young.asked_by)
    for each in (finished, young):
        work_run(work_id=each.pk, seconds=60)
    work_stop(work=stopped)
    keep(stopped, b"x")
    for each in (finished, stopped, empty):
        age(each, KEEP + timedelta(hours=1))
    Work.objects.filter(pk=finished.pk).update(finished_at=timezone.now() - KEEP - timedelta(hours=1))
    forgotten, fresh = keep(young, b"x"), keep(young, b"y")
    WorkFile.objects.filter(pk=forgotten.pk).update(created_at=timezone.now() - KEEP_UNUSED_FILES * 2)
    assert works_expire() == 3
    assert list(Work.objects.all()) == [young]
    assert WorkRow.objects.count() == 3
    assert list(WorkFile.objects.all()) == [fresh]
    assert works_expire() == 0
