"""The first push of a kind: a person lets it go, it is read back, then the others flow."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone

from erp.accounts.models import Store, User
from erp.clock import after
from erp.outbox import claim, clearance, drain, errors, refusals, tasks
from erp.outbox.clearance import Compared, Followed, PreviewField, PushPreview
from erp.outbox.commands import jobs_cancel, jobs_retry
from erp.outbox.models import FirstPush, PushJob, StoreQueue
from erp.outbox.request import facts_request, states_request
from erp.outbox.selectors import oldest_due_seconds
from erp.outbox.statuses import FirstStage, FirstVerdict, JobState

pytestmark = pytest.mark.django_db

SAME = Compared("código", "A", "A", True)
OTHER = Compared("código", "A", "B", False)


@dataclass
class Watch:
    """What a channel registers: answers of reading back, and whether the setting is on."""

    on: bool = True
    found: deque[list[Compared] | Exception] = field(default_factory=deque)
    read: list[int] = field(default_factory=list)

    def compare(self, job: PushJob) -> list[Compared]:
        self.read.append(job.pk)
        answer = self.found.popleft() if self.found else [SAME]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def preview(self, job: PushJob) -> PushPreview:
        return PushPreview("POST /ship", [PreviewField("orderId", job.subject)])


@pytest.fixture
def watch(platform: Any, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """The kinds tracking and stock are followed, delivery is not."""
    found = Watch()
    monkeypatch.setattr(clearance, "_followed", {})
    for kind in ("tracking", "stock"):
        clearance.follow(
            Followed(kind=kind, is_on=lambda: found.on, preview=found.preview, compare=found.compare)
        )
    return found


def drained(store: Store) -> int:
    """What a worker does when it is woken."""
    count = drain.drain(store_id=store.pk)
    clearance.checks_run()
    return count


def job_of(subject: str) -> PushJob:
    return PushJob.objects.get(subject=subject)


def released(subject: str = "900", user: User | None = None) -> PushJob:
    job = job_of(subject)
    assert clearance.first_push_release(job_id=job.pk, user=user).accepted
    return job


@pytest.mark.parametrize("is_followed", [True, False])
def test_what_no_longer_waits_for_a_person_cannot_be_withheld(
    watch: Watch, fact: Any, operator: User, is_followed: bool
) -> None:
    """A page that was open since before the kind was cleared, or one that was never followed."""
    kind = "tracking" if is_followed else "delivery"
    facts_request(requests=[fact(kind=kind, subject="900")])
    FirstPush.objects.update(cleared_at=timezone.now())
    result = clearance.first_push_withhold(job_id=job_of("900").pk, user=operator)
    assert (result.accepted, result.text) == (False, refusals.NOT_HELD)
    assert job_of("900").state == JobState.PENDING


def due_again() -> None:
    FirstPush.objects.update(check_at=after(timedelta(seconds=-1)))


def test_the_first_of_a_kind_waits_and_everything_else_flows(
    watch: Watch, platform: Any, fact: Any, store: Store
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901"), fact(kind="delivery", subject="902")])
    assert drained(store) == 1
    assert platform.sent == [("delivery", "A")]
    assert FirstPush.objects.get().stage is FirstStage.WAITING
    assert not claim.more_waits(store_id=store.pk)
    assert list(StoreQueue.objects.with_due_work()) == []
    PushJob.objects.update(not_before=after(timedelta(hours=-1)))
    assert oldest_due_seconds() == 0.0


def test_let_go_read_back_confirmed_and_the_others_flow(
    watch: Watch, platform: Any, fact: Any, store: Store, operator: User
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    job = released("900", operator)
    assert drained(store) == 1
    row = FirstPush.objects.get()
    assert (row.job, row.released_by, row.verdict) == (job, operator, FirstVerdict.CONFIRMED)
    assert row.compared == [{"label": "código", "sent": "A", "found": "A", "is_equal": True}]
    assert watch.read == [job.pk]
    assert drained(store) == 1
    assert len(platform.sent) == 2
    facts_request(requests=[fact(subject="903")])
    assert drained(store) == 1


def test_a_state_kind_is_followed_too(watch: Watch, platform: Any, state: Any, store: Store) -> None:
    states_request(requests=[state(subject="L1"), state(subject="L2")])
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    assert drained(store) == 0
    released("L1")
    assert drained(store) == 1
    assert drained(store) == 1


def test_another_store_is_another_first(
    watch: Watch, fact: Any, store: Store, make_store: Callable[..., Store]
) -> None:
    other = make_store()
    facts_request(requests=[fact(subject="900")])
    released("900")
    drained(store)
    facts_request(requests=[fact(subject="904", store_id=other.pk)])
    assert drained(other) == 0
    assert {row.stage for row in FirstPush.objects.all()} == {FirstStage.CLEARED, FirstStage.WAITING}


@pytest.mark.parametrize("looks", range(len(clearance.LOOKS) + 1))
def test_what_the_platform_shows_late_is_waited_for(
    watch: Watch, fact: Any, store: Store, looks: int
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    released()
    watch.found.extend([[OTHER]] * looks)
    drained(store)
    for _ in range(looks):
        assert FirstPush.objects.get().stage is FirstStage.CHECKING
        assert drained(store) == 0
        due_again()
        clearance.checks_run()
    assert FirstPush.objects.get().stage is FirstStage.CLEARED


def different(watch: Watch, fact: Any, store: Store) -> PushJob:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    job = released()
    watch.found.extend([[SAME, OTHER]] * (len(clearance.LOOKS) + 1))
    drained(store)
    while FirstPush.objects.get().stage is FirstStage.CHECKING:
        due_again()
        clearance.checks_run()
    return job


def test_what_differs_holds_the_others_until_a_person_lets_them_go(
    watch: Watch, fact: Any, store: Store, operator: User
) -> None:
    job = different(watch, fact, store)
    assert FirstPush.objects.get().stage is FirstStage.DIFFERENT
    assert drained(store) == 0
    assert clearance.first_push_clear(job_id=job.pk, user=operator).accepted
    row = FirstPush.objects.get()
    assert (row.stage, row.cleared_by, row.verdict) == (
        FirstStage.CLEARED,
        operator,
        FirstVerdict.DIFFERENT,
    )
    assert drained(store) == 1


def test_what_differs_may_be_read_again(watch: Watch, fact: Any, store: Store) -> None:
    job = different(watch, fact, store)
    assert clearance.first_push_recheck(job_id=job.pk).accepted
    clearance.checks_run()
    assert FirstPush.objects.get().stage is FirstStage.CLEARED


def test_what_differs_may_be_tried_with_another_push(watch: Watch, fact: Any, store: Store) -> None:
    different(watch, fact, store)
    released("901")
    assert drained(store) == 1
    row = FirstPush.objects.get()
    assert (row.stage, row.job) == (FirstStage.CLEARED, job_of("901"))


def test_a_platform_that_cannot_be_read_decides_nothing(watch: Watch, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    watch.found.extend([errors.PushNotSent("Sem conexão.")] * 10)
    drained(store)
    for _ in range(8):
        due_again()
        clearance.checks_run()
    row = FirstPush.objects.get()
    assert (row.stage, row.note, row.checks) == (FirstStage.CHECKING, "Sem conexão.", 0)


def test_a_bug_while_reading_back_is_said_and_tried_again(watch: Watch, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    watch.found.append(ValueError("buyer Maria"))
    drained(store)
    assert "Avise o suporte" in FirstPush.objects.get().note
    due_again()
    clearance.checks_run()
    assert FirstPush.objects.get().stage is FirstStage.CLEARED


def test_a_refused_first_push_holds_the_others_and_may_be_sent_again(
    watch: Watch, platform: Any, fact: Any, store: Store
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    job = released()
    platform.answers.append(errors.PushRefused("Nota inválida"))
    drained(store)
    assert FirstPush.objects.get().stage is FirstStage.BLOCKED
    assert drained(store) == 0
    assert jobs_retry(job_ids=[job.pk])[0].accepted
    assert drained(store) == 1
    assert FirstPush.objects.get().stage is FirstStage.CLEARED


def test_after_a_refusal_another_may_go_first(watch: Watch, platform: Any, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    released()
    platform.answers.append(errors.PushRefused("Nota inválida"))
    drained(store)
    released("901")
    assert drained(store) == 1
    assert FirstPush.objects.get().job == job_of("901")


def test_not_sending_gives_up_the_push_and_asks_for_the_next(
    watch: Watch, platform: Any, fact: Any, store: Store, operator: User
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    assert clearance.first_push_withhold(job_id=job_of("900").pk, user=operator).accepted
    job = job_of("900")
    assert (job.state, job.requested_by, job.last_error) == (JobState.CANCELLED, operator, clearance.WITHHELD)
    assert drained(store) == 0
    (row,) = clearance.first_pushes(user=operator)
    assert (row.stage, row.candidate_id, row.waiting) == (FirstStage.WAITING, job_of("901").pk, 1)


@pytest.mark.parametrize("end", [JobState.CANCELLED, JobState.SUPERSEDED])
def test_a_released_push_that_is_withdrawn_asks_again(
    watch: Watch, fact: Any, store: Store, operator: User, end: str
) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    job = released()
    if end == JobState.CANCELLED:
        jobs_cancel(job_ids=[job.pk])
    else:
        facts_request(requests=[fact(subject="900", content="B")])
    assert drained(store) == 0
    (row,) = clearance.first_pushes(user=operator)
    assert row.stage is FirstStage.WAITING
    assert row.candidate_id is not None


def test_only_one_goes_first(watch: Watch, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    released("900")
    second = clearance.first_push_release(job_id=job_of("901").pk, user=None)
    assert (second.accepted, second.text) == (
        False,
        "Outro envio deste tipo vai primeiro. Aguarde o resultado dele.",
    )


@pytest.mark.parametrize("act", [clearance.first_push_clear, clearance.first_push_release])
def test_what_no_longer_waits_is_not_decided(watch: Watch, fact: Any, store: Store, act: Any) -> None:
    facts_request(requests=[fact(subject="900")])
    job = released()
    drained(store)
    assert not act(job_id=job.pk, user=None).accepted
    assert not act(job_id=0, user=None).accepted


def test_the_candidate_is_one_whose_earlier_steps_are_done(
    watch: Watch, fact: Any, store: Store, operator: User
) -> None:
    facts_request(requests=[fact(kind="invoice", subject="900"), fact(subject="900"), fact(subject="901")])
    (row,) = clearance.first_pushes(user=operator)
    assert (row.candidate_id, row.waiting) == (job_of("901").pk, 2)


def test_what_was_there_already_proves_no_write(watch: Watch, platform: Any, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900"), fact(subject="901")])
    released()
    platform.answers.append(errors.PushAlreadyDone())
    drained(store)
    row = FirstPush.objects.get()
    assert (row.stage, row.job) == (FirstStage.WAITING, None)
    assert "nada foi escrito" in row.note


def test_already_done_after_a_lost_answer_was_our_write(
    watch: Watch, platform: Any, fact: Any, store: Store
) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    platform.answers.extend([errors.PushOutcomeUnknown(write=True), errors.PushAlreadyDone()])
    drained(store)
    PushJob.objects.update(not_before=after(timedelta(seconds=-1)))
    drained(store)
    assert FirstPush.objects.get().stage is FirstStage.CLEARED


def test_a_worker_killed_while_reading_back_is_replaced(watch: Watch, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    drain.drain(store_id=store.pk)
    FirstPush.objects.update(lease_token=uuid.uuid4(), lease_until=after(timedelta(seconds=30)))
    assert clearance.checks_run() == 0
    FirstPush.objects.update(lease_until=after(timedelta(seconds=-1)))
    assert clearance.stores_to_check() == [store.pk]
    assert clearance.checks_run() == 1


@pytest.mark.parametrize("column", ["check_at", "lease_until"])
def test_a_clock_that_ran_ahead_keeps_nothing_waiting(
    watch: Watch, fact: Any, store: Store, column: str
) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    drain.drain(store_id=store.pk)
    FirstPush.objects.update(lease_token=uuid.uuid4(), lease_until=after(timedelta()))
    FirstPush.objects.update(**{column: after(timedelta(days=1))})
    assert clearance.checks_run() == 1


def test_a_reader_that_lost_its_lease_writes_nothing(
    watch: Watch, fact: Any, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    drain.drain(store_id=store.pk)

    def slow(job: PushJob) -> list[Compared]:
        FirstPush.objects.update(lease_token=uuid.uuid4(), lease_until=after(timedelta(seconds=40)))
        return [SAME]

    followed = clearance._followed["tracking"]
    monkeypatch.setitem(
        clearance._followed,
        "tracking",
        Followed(kind="tracking", is_on=followed.is_on, preview=followed.preview, compare=slow),
    )
    assert clearance.checks_run() == 0
    assert FirstPush.objects.get().stage is FirstStage.CHECKING


def test_the_sweep_wakes_for_what_is_to_be_read_back(
    watch: Watch,
    fact: Any,
    store: Store,
    wakes: list[dict[str, Any]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    facts_request(requests=[fact(subject="900")])
    released()
    drain.drain(store_id=store.pk)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep.run()
    assert wakes == [{"store_id": store.pk}]


def test_turned_off_holds_nothing(watch: Watch, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900")])
    assert drained(store) == 0
    watch.on = False
    tasks.sweep.run()
    assert drained(store) == 1
    facts_request(requests=[fact(subject="901")])
    assert drained(store) == 1


def test_the_statements_do_not_grow(
    watch: Watch, fact: Any, store: Store, operator: User, django_assert_num_queries: Any
) -> None:
    facts_request(requests=[fact(subject=str(subject)) for subject in range(900, 930)])
    with django_assert_num_queries(1):
        list(clearance.first_pushes(user=operator))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"verdict": "maybe"}, "firstpush_known_verdict"),
        ({"verdict": "confirmed"}, "firstpush_confirmed_is_cleared"),
    ],
)
def test_constraints(store: Store, changes: dict[str, str], name: str) -> None:
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        FirstPush.objects.create(store=store, kind="tracking", **changes)


def test_a_release_has_its_time(watch: Watch, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900")])
    with pytest.raises(IntegrityError, match="firstpush_release_has_time"), transaction.atomic():
        FirstPush.objects.update(job=job_of("900"))


def test_once_per_store_and_kind(store: Store) -> None:
    FirstPush.objects.create(store=store, kind="tracking")
    with pytest.raises(IntegrityError), transaction.atomic():
        FirstPush.objects.create(store=store, kind="tracking")


def test_known_kinds_are_cleared_by_the_upgrade(platform: Any, fact: Any, store: Store) -> None:
    facts_request(requests=[fact(subject="900"), fact(kind="delivery", subject="901")])
    PushJob.objects.filter(kind="tracking").update(state=JobState.DONE, finished_at=timezone.now())
    import_module("erp.outbox.migrations.0003_clear_known_kinds").kinds_judge(apps, None)
    stages = {row.kind: row.stage for row in FirstPush.objects.all()}
    assert stages == {"tracking": FirstStage.CLEARED, "delivery": FirstStage.WAITING}
