"""Slices: every row once, whoever does it and whatever stops it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from erp import scheduling
from erp.accounts.models import Counter
from erp.channels import RowOutcome
from erp.work import lease
from erp.work.lease import WorkLeaseLost
from erp.work.models import Work, WorkRow, WorkState
from erp.work.running import AT_ONCE, GIVE_UP_AFTER, work_run, work_run_next
from erp.work.services import WorkRowDraft, work_extend, work_prepare, work_resume, work_stop
from erp.work.tasks import run, sweep
from tests.erp.work.conftest import Counting

pytestmark = pytest.mark.django_db

MakeWork = Callable[..., Work]
Counted = Callable[[], dict[str, int]]
LONG = 60.0


def once(rows: int) -> dict[str, int]:
    return {f"r{number}": 1 for number in range(rows)}


def fresh(work: Work) -> Work:
    return Work.objects.get(pk=work.pk)


def lease_run_out(work: Work) -> None:
    Work.objects.filter(pk=work.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_all_rows_are_done_once_in_slices(make_work: MakeWork, counting: Counting, counted: Counted) -> None:
    counting.refused = {"r3"}
    work = make_work(25)
    assert work.state is WorkState.QUEUED
    work_run(work_id=work.pk, seconds=LONG)
    work = fresh(work)
    assert counted() == once(25)
    assert [len(names) for names in counting.slices] == [10, 10, 5]
    assert (work.done, work.failed, work.state) == (25, 1, WorkState.FINISHED)
    refused = work.rows.get(name="r3")
    assert (refused.outcome, refused.code) == (RowOutcome.REFUSED, "test.refused")
    assert refused.lines == ["r3 não serve.", "Troque-a."]
    assert work.rows.get(name="r4").subject_id == 4
    assert work.lease_token is None


def test_a_turn_ends_after_its_seconds_and_a_worker_is_woken(
    make_work: MakeWork,
    counted: Counted,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable,
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: sent.append(task))
    work = make_work(25)
    with django_capture_on_commit_callbacks(execute=True):
        work_run(work_id=work.pk, seconds=0)
    assert counted() == once(10)
    assert sent == [run.name]
    assert fresh(work).state is WorkState.QUEUED
    run()
    assert counted() == once(25)
    sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        sweep()
    assert sent == []


def test_the_sweep_finds_a_work_whose_wake_up_was_lost(
    make_work: MakeWork, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Callable
) -> None:
    make_work(1)
    sent: list[str] = []
    monkeypatch.setattr(scheduling, "_send", lambda task, kwargs: sent.append(task))
    with django_capture_on_commit_callbacks(execute=True):
        sweep()
    assert sent == [run.name]


def test_a_slice_that_fails_is_undone_and_its_rows_are_done_alone(
    make_work: MakeWork, counting: Counting, counted: Counted
) -> None:
    def break_at_seven(work: Work, row: WorkRow) -> None:
        if row.name == "r7":
            raise ZeroDivisionError

    counting.on_row = break_at_seven
    work = make_work(12)
    work_run(work_id=work.pk, seconds=LONG)
    broken = work.rows.get(name="r7")
    assert (broken.outcome, broken.code) == (RowOutcome.REFUSED, "work.row_failed")
    assert "nada dela foi gravado" in broken.text
    assert counted() == {name: 1 for name in once(12) if name != "r7"}
    assert (fresh(work).done, fresh(work).failed) == (12, 1)


def test_a_database_that_is_away_says_nothing_about_the_row(
    make_work: MakeWork, counting: Counting, counted: Counted
) -> None:
    def away(work: Work, row: WorkRow) -> None:
        raise OperationalError("database is locked")

    counting.on_row = away
    work = make_work(3)
    with pytest.raises(OperationalError):
        work_run(work_id=work.pk, seconds=LONG)
    assert fresh(work).done == 0
    assert fresh(work).state is WorkState.RUNNING  # until the lease has run out
    counting.on_row = lambda work, row: None
    lease_run_out(work)
    work_run_next()
    assert counted() == once(3)


def test_a_row_that_ends_every_worker_is_left_aside(
    make_work: MakeWork, counting: Counting, counted: Counted
) -> None:
    work = make_work(12)
    Work.objects.update(fruitless_claims=GIVE_UP_AFTER)
    work_run(work_id=work.pk, seconds=LONG)
    assert work.rows.get(position=0).code == "work.row_ends_worker"
    assert counted() == {name: 1 for name in once(12) if name != "r0"}
    assert fresh(work).fruitless_claims == 0


def test_a_work_taken_up_in_vain_goes_on_row_by_row(make_work: MakeWork, counting: Counting) -> None:
    work = make_work(12)
    Work.objects.update(fruitless_claims=2)
    work_run(work_id=work.pk, seconds=LONG)
    assert [len(names) for names in counting.slices] == [1, 10, 1]


def test_stop_ends_after_the_slice_and_resume_does_the_rest(
    make_work: MakeWork, counting: Counting, counted: Counted
) -> None:
    work = make_work(30)
    counting.on_row = lambda work, row: row.position == 5 and work_stop(work=work)
    work_run(work_id=work.pk, seconds=LONG)
    assert counted() == once(10)
    assert fresh(work).state is WorkState.STOPPED
    work_run_next()
    assert counted() == once(10)
    assert work_resume(work=work)
    work_run_next()
    assert counted() == once(30)
    assert fresh(work).state is WorkState.FINISHED
    assert (work_stop(work=work), work_resume(work=work)) == (False, False)


def test_prepared_rows_are_done_alone_and_handed_their_own_answer(
    make_work: MakeWork, preparing: Counting, counted: Counted
) -> None:
    preparing.on_prepare = lambda work, row: f"{row.name} depois de {work.done}"
    work_run(work_id=make_work(12).pk, seconds=LONG)
    assert preparing.prepared == [f"r{number} depois de {number}" for number in range(12)]
    assert preparing.slices == [[f"r{number}"] for number in range(12)]
    assert counted() == once(12)


def test_a_stop_during_the_preparation_keeps_the_row_undone(
    make_work: MakeWork, preparing: Counting, counted: Counted
) -> None:
    preparing.on_prepare = lambda work, row: row.position == 3 and work_stop(work=work)
    work = make_work(10)
    work_run(work_id=work.pk, seconds=LONG)
    assert counted() == once(3)
    assert fresh(work).state is WorkState.STOPPED


def test_a_turn_ends_between_prepared_rows(
    make_work: MakeWork, preparing: Counting, counted: Counted
) -> None:
    work_run(work_id=make_work(10).pk, seconds=0)
    assert counted() == once(1)


def test_a_row_that_cannot_be_prepared_fails_alone(
    make_work: MakeWork, preparing: Counting, counted: Counted
) -> None:
    preparing.on_prepare = lambda work, row: 1 / (row.position - 4)
    work = make_work(12)
    work_run(work_id=work.pk, seconds=LONG)
    assert work.rows.get(position=4).code == "work.row_failed"
    assert counted() == {name: 1 for name in once(12) if name != "r4"}
    assert fresh(work).state is WorkState.FINISHED


def test_only_one_worker_is_at_a_work(make_work: MakeWork) -> None:
    work = make_work(1)
    held = lease.claim(work.pk)
    assert held is not None
    assert lease.claim(work.pk) is None
    assert fresh(work).state is WorkState.RUNNING
    lease.release(held)
    assert lease.claim(work.pk) is not None


def test_a_worker_that_was_away_too_long_writes_nothing(
    make_work: MakeWork, preparing: Counting, counted: Counted
) -> None:
    """Its lease ran out in the middle of a row and another took the work over and ended it."""

    def taken_over(work: Work, row: WorkRow) -> None:
        preparing.on_prepare = lambda work, row: None
        lease_run_out(work)
        work_run(work_id=work.pk, seconds=LONG)

    preparing.on_prepare = taken_over
    work = make_work(10)
    work_run(work_id=work.pk, seconds=LONG)
    assert counted() == once(10)
    assert (fresh(work).done, fresh(work).state) == (10, WorkState.FINISHED)


def test_renewing_with_anothers_token_fails(make_work: MakeWork) -> None:
    first = lease.claim(make_work(1).pk)
    assert first is not None
    lease_run_out(first)
    second = lease.claim(first.pk)
    assert second is not None
    with pytest.raises(WorkLeaseLost):
        lease.renew(first)
    lease.release(first)
    lease.renew(second)


def test_who_waited_longest_goes_first_and_so_many_at_once(make_work: MakeWork, counted: Counted) -> None:
    works = [make_work(25) for _ in range(AT_ONCE + 1)]
    work_run_next(seconds=0)
    work_run_next(seconds=0)
    assert [fresh(work).done for work in works] == [10, 10, 0]
    for work in works[:AT_ONCE]:
        lease.claim(work.pk)
    work_run_next(seconds=0)
    assert [fresh(work).done for work in works] == [10, 10, 0]


def test_rows_added_to_a_finished_work_are_done_too(make_work: MakeWork, counted: Counted) -> None:
    work = make_work(2)
    work_run(work_id=work.pk, seconds=LONG)
    work_extend(work=work, rows=[WorkRowDraft("r2")])
    assert work.state is WorkState.QUEUED
    work_run(work_id=work.pk, seconds=LONG)
    assert counted() == once(3)
    assert fresh(work).state is WorkState.FINISHED


def test_a_work_without_rows_waits_for_them(counting: Counting, make_work: MakeWork) -> None:
    done = make_work(1)
    work = work_prepare(kind="test", company=done.company, asked_by=done.asked_by)
    work_extend(work=work, rows=[])
    assert list(Work.objects.due()) == [done]
    assert list(Work.objects.visible_to(done.asked_by)) == [done]


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_two_works_do_every_row_once(make_work: MakeWork, counting: Counting) -> None:
    works = [make_work(60) for _ in range(2)]
    errors: list[BaseException] = []

    def worker() -> None:
        try:
            while Work.objects.due().exists():
                work_run_next(seconds=0)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert [(work.done, work.state) for work in map(fresh, works)] == [(60, WorkState.FINISHED)] * 2
    assert set(Counter.objects.filter(name__startswith="r").values_list("value", flat=True)) == {2}
