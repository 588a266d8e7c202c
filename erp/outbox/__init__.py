"""The push engine: rows are the truth about what must still reach a platform; it knows no channel.

What others use:

- `push_requests.FactRequest`, `push_requests.StateRequest`: what is asked for; `FactResult` (outcome
  QUEUED, REOPENED, ALREADY_QUEUED, ALREADY_DONE; `.text` in Portuguese) and `JobResult` are the answers;
- `request.facts_request`, `states_request`; `commands.jobs_retry`, `jobs_cancel`; `queues.queue_pause`,
  `queue_resume`: plain functions in the caller's transaction;
- `handlers.register(Handler(...))`: four functions per kind (load, is_satisfied, send, record), called from
  `AppConfig.ready()`; `errors`: what they may raise, one class per row of the policy table;
- `limits.register(provider)`, `limits.acquire(...)`, `limits.wait_turn(...)`: call limits, also for reads
  outside a push;
- `selectors`: `jobs_done` (markers), and what is wrong with whole queues: `resting_queues`, `quotas_spent`,
  `late_queues`; `overview`: the queues as a page shows them.

Inside: `claim` -> `drain` -> `settle`, `reap` for what dead workers held, `policy` decides, `breaker` rests.
`docs/outbox.md` shows the life of a push.
"""
