"""The ledger's tables and every statement on them, in the SQL that SQLite and PostgreSQL both understand.

Times are ISO 8601 text in UTC, which sorts in order of time; lists and maps are JSON text; snapshot ids are 63 bit
integers. `environment` is empty in the rows of the lake itself; in an environment, `asset@environment` is leased, and a
run is recorded as `run@environment`: what is promoted is recorded by the run's own name as well, as a run of main.
"""

from __future__ import annotations

from typing import Final

from lakeflow.core.ports.database import sql

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """create table lakeflow_runs (
            id text primary key, state text not null, started_at text not null, attempt integer not null,
            ended_at text, selection text not null, all_or_nothing integer not null, actor text not null,
            reason text not null)""",
        "create index lakeflow_runs_by_start on lakeflow_runs (started_at)",
        """create table lakeflow_steps (
            run text not null, ordinal integer not null, asset text not null, action text not null,
            reasons text not null, state text, reason text not null, attempt integer not null, base_id bigint,
            snapshot_id bigint, row_count bigint, seconds double precision not null, code_version text not null,
            checks_digest text not null, reads text not null, inputs text not null,
            primary key (run, asset))""",
        "create index lakeflow_steps_by_snapshot on lakeflow_steps (asset, snapshot_id)",
        """create table lakeflow_checks (
            run text not null, asset text not null, ordinal integer not null, snapshot_id bigint,
            name text not null, outcome text not null, severity text not null, failed_rows bigint,
            row_count bigint, detail text not null, path text not null, samples text not null,
            primary key (run, asset, ordinal))""",
        "create index lakeflow_checks_by_snapshot on lakeflow_checks (asset, snapshot_id)",
        """create table lakeflow_verdicts (
            ordinal bigint primary key, asset text not null, snapshot_id bigint not null, ruling text not null,
            run text not null, attempt integer not null, ruled_at text not null, actor text not null,
            reason text not null, code_version text not null, checks_digest text not null, reads text not null,
            inputs text not null, passed integer not null, total integer not null,
            unique (asset, snapshot_id, run, attempt, ruling, ruled_at))""",
        "create index lakeflow_verdicts_by_run on lakeflow_verdicts (run)",
        """create table lakeflow_leases (
            asset text primary key, run text not null, token text not null, host text not null,
            boot_id text not null, pid bigint not null, process_started text not null, since text not null,
            renewed_at text not null)""",
        "create table lakeflow_code (version text primary key, algorithm text not null, source text not null)",
    ),
    (
        "create index lakeflow_verdicts_latest on lakeflow_verdicts (asset, snapshot_id, ruling, ordinal)",
        "create index lakeflow_runs_by_state on lakeflow_runs (state)",
    ),
    ("alter table lakeflow_checks add column scope text not null default 'all'",),
    ("alter table lakeflow_checks add column evidence text not null default '{}'",),
    ("alter table lakeflow_steps add column partitions text not null default '[]'",),
    ("alter table lakeflow_verdicts add column looked_at text not null default '{}'",),
    (
        """create table lakeflow_dropped (
            run text not null, asset text not null, uuid text not null, metadata_location text not null,
            dropped_at text not null, primary key (run, asset))""",
        "create table lakeflow_lake (id text primary key, made_at text not null)",
    ),
    (
        """create table lakeflow_troubles (
            rule text not null, asset text not null, kinds text not null, since text not null, run text not null,
            told integer not null, primary key (rule, asset))""",
        """create table lakeflow_alerts (
            number bigint primary key, rule text not null, kind text not null, asset text not null, run text not null,
            title text not null, words text not null, told_at text not null, state text not null,
            tried integer not null, next_try text not null, problem text not null, sent_at text,
            claimed_by text not null, claimed_until text not null)""",
        "create index lakeflow_alerts_by_state on lakeflow_alerts (state)",
    ),
    ("alter table lakeflow_steps add column ended_at text",),
    (
        """create table lakeflow_intents (
            ordinal bigint primary key, id text not null unique, token text not null, made_at text not null,
            outcome text, content text not null)""",
        "create index lakeflow_intents_by_outcome on lakeflow_intents (outcome)",
    ),
    (
        "alter table lakeflow_lake add column name text not null default ''",
        "alter table lakeflow_lake add column warehouse text not null default ''",
    ),
    (
        "alter table lakeflow_runs add column environment text not null default ''",
        "alter table lakeflow_verdicts add column environment text not null default ''",
        """create table lakeflow_environments (
            name text primary key, made_at text not null, pinned_at text not null, used_at text not null)""",
        """create table lakeflow_pins (
            environment text not null, asset text not null, uuid text not null, snapshot_id bigint,
            primary key (environment, asset))""",
    ),
    (
        """update lakeflow_steps set run = run || '@' ||
            (select environment from lakeflow_runs where id = lakeflow_steps.run)
            where run in (select id from lakeflow_runs where environment <> '')""",
        """update lakeflow_checks set run = run || '@' ||
            (select environment from lakeflow_runs where id = lakeflow_checks.run)
            where run in (select id from lakeflow_runs where environment <> '')""",
        "update lakeflow_verdicts set run = run || '@' || environment where environment <> ''",
        "update lakeflow_runs set id = id || '@' || environment where environment <> ''",
    ),
    ("alter table lakeflow_checks add column asked text not null default ''",),
)


ALL_LEASES: Final = sql("select * from lakeflow_leases")
FREE: Final = sql("delete from lakeflow_leases where token = :token")
FREE_ALL: Final = sql("delete from lakeflow_leases")
ABANDON: Final = sql("""update lakeflow_runs set state = 'abandoned', ended_at = :now
    where id = :run and state = 'running'""")
RUNNING: Final = sql("select * from lakeflow_runs where id in :runs and state = 'running'", "runs")
TAKE: Final = sql("""insert into lakeflow_leases
    values (:asset, :run, :token, :host, :boot_id, :pid, :process_started, :since, :since)
    on conflict (asset) do update set run = excluded.run, token = excluded.token, renewed_at = excluded.renewed_at""")
RENEW: Final = sql("update lakeflow_leases set renewed_at = :now where token = :token")
ON_ASSETS: Final = sql("select * from lakeflow_leases where asset in :assets", "assets")
SAVE_RUN: Final = sql("""insert into lakeflow_runs
    values (:id, :state, :started_at, :attempt, :ended_at, :selection, :all_or_nothing, :actor, :reason, :environment)
    on conflict (id) do update set state = excluded.state, started_at = excluded.started_at,
        attempt = excluded.attempt, ended_at = excluded.ended_at, selection = excluded.selection,
        all_or_nothing = excluded.all_or_nothing, actor = excluded.actor, reason = excluded.reason""")
DROP_STEPS: Final = sql("delete from lakeflow_steps where run = :run")
DROP_CHECKS: Final = sql("delete from lakeflow_checks where run = :run")
SAVE_STEP: Final = sql("""insert into lakeflow_steps
    values (:run, :ordinal, :asset, :action, :reasons, :state, :reason, :attempt, :base_id, :snapshot_id, :rows,
        :seconds, :code_version, :checks_digest, :reads_digest, :inputs, :partitions, :ended_at)""")
NOTE_STEP: Final = sql("""update lakeflow_steps set action = :action, reasons = :reasons, state = :state,
        reason = :reason, attempt = :attempt, base_id = :base_id, snapshot_id = :snapshot_id, row_count = :rows,
        seconds = :seconds, code_version = :code_version, checks_digest = :checks_digest, reads = :reads_digest,
        inputs = :inputs, partitions = :partitions, ended_at = :ended_at
    where run = :run and asset = :asset""")
DROP_CHECKS_OF_STEP: Final = sql("delete from lakeflow_checks where run = :run and asset = :asset")
SAVE_CHECK: Final = sql("""insert into lakeflow_checks
    values (:run, :asset, :ordinal, :snapshot_id, :name, :outcome, :severity, :failed_rows, :rows, :detail, :path,
        :samples, :scope, :evidence, :asked)""")
SAVE_VERDICT: Final = sql("""insert into lakeflow_verdicts
    values ((select coalesce(max(ordinal), 0) + 1 from lakeflow_verdicts), :asset, :snapshot_id, :ruling, :run,
        :attempt, :at, :actor, :reason, :code_version, :checks_digest, :reads_digest, :inputs, :passed, :total,
        :looked_at, :environment)
    on conflict do nothing""")
RUNS_BY_PREFIX: Final = sql("""select * from lakeflow_runs
    where environment = :environment and substr(id, 1, :length) = :prefix order by id""")
RUN_ELSEWHERE: Final = sql("""select id, environment from lakeflow_runs
    where environment <> :environment and substr(id, 1, :length) = :prefix order by id""")
UNPUBLISHED: Final = sql(
    """select * from lakeflow_runs where environment = :environment and state in :states and id in
    (select run from lakeflow_steps where asset in :assets and (state is null or state in ('held', 'conflict')
        or state = 'errored' and snapshot_id is not null))
    order by started_at desc, id desc""",
    "states",
    "assets",
)
NEWEST_RUNS: Final = sql("""select * from lakeflow_runs where environment = :environment
    order by started_at desc, id desc limit :limit""")
AUDITED: Final = sql("select distinct asset from lakeflow_verdicts where environment = :environment")
STATES: Final = sql("select id, state from lakeflow_runs where environment = :environment")
ALL_RUNS: Final = sql("select id from lakeflow_runs")
HEADS: Final = sql("""select lakeflow_runs.*,
        (select count(*) from lakeflow_steps where lakeflow_steps.run = lakeflow_runs.id) as step_count
    from lakeflow_runs""")
"""Every run, and how many steps are recorded of it."""
CODE: Final = sql("select source from lakeflow_code where version = :version")
REMEMBER_CODE: Final = sql("insert into lakeflow_code values (:version, :algorithm, :source) on conflict do nothing")
LATEST_VERDICTS: Final = sql(
    """select * from lakeflow_verdicts where ordinal in
    (select max(ordinal) from lakeflow_verdicts where asset in :assets and snapshot_id in :snapshots
        and environment in ('', :environment) group by asset, snapshot_id, ruling)""",
    "assets",
    numbers="snapshots",
)
VERDICTS_OF_ALL: Final = sql(
    "select * from lakeflow_verdicts where asset in :assets and environment in ('', :environment)", "assets"
)
TOLD_VERDICTS: Final = sql("""select asset, count(*) as verdicts, max(ordinal) as last, max(ruled_at) as ruled_at,
        max(run) as run
    from lakeflow_verdicts group by asset""")
VERDICTS_UNTIL: Final = sql("""select * from lakeflow_verdicts where environment = :environment and ordinal <=
    (select max(ordinal) from lakeflow_verdicts where run = :run and ruling in ('publish', 'forced'))
    order by ordinal""")
PINNED: Final = sql("""select lakeflow_steps.inputs from lakeflow_steps
    join lakeflow_runs on lakeflow_runs.id = lakeflow_steps.run where lakeflow_runs.state = 'running'""")
RENAME_VERDICTS: Final = sql("update lakeflow_verdicts set asset = :new where asset = :old")
RENAME_STEPS: Final = sql("""update lakeflow_steps set asset = :new where asset = :old and not exists
    (select 1 from lakeflow_steps as other where other.run = lakeflow_steps.run and other.asset = :new)""")
RENAME_CHECKS: Final = sql("""update lakeflow_checks set asset = :new where asset = :old and not exists
    (select 1 from lakeflow_checks as other where other.run = lakeflow_checks.run and other.asset = :new)""")
RENAME_PINS: Final = sql("update lakeflow_pins set asset = :new where asset = :old")
RENAME: Final = (RENAME_VERDICTS, RENAME_STEPS, RENAME_CHECKS, RENAME_PINS)
"""What a renamed asset is called by from then on."""

MEND_TIMES: Final = sql("""update lakeflow_runs set
        started_at = case when started_at > :now then :now else started_at end,
        ended_at = case when ended_at > :now then :now else ended_at end
    where started_at > :now or ended_at > :now""")
DROP: Final = sql("insert into lakeflow_dropped values (:run, :asset, :uuid, :version, :at) on conflict do nothing")
DROPPED: Final = sql("select * from lakeflow_dropped order by dropped_at, asset")
DROPS_ONCE: Final = sql("""select id, started_at, reason from lakeflow_runs
    where reason like 'dropped %; its metadata stays at %' order by started_at""")
"""How releases without `lakeflow_dropped` recorded a drop."""

MAKE_INTENT: Final = sql("""insert into lakeflow_intents
    values ((select coalesce(max(ordinal), 0) + 1 from lakeflow_intents), :id, :token, :at, null, :content)""")
OPEN_INTENTS: Final = sql("select * from lakeflow_intents where outcome is null order by ordinal")
LAST_INTENT: Final = sql("select coalesce(max(ordinal), 0) from lakeflow_intents")
SETTLE_INTENT: Final = sql("""update lakeflow_intents set outcome = :outcome, content = ''
    where id = :id and outcome is null""")

STEPS: Final = sql("select * from lakeflow_steps where run in :runs order by run, ordinal", "runs")
CHECKS: Final = sql("select * from lakeflow_checks where run in :runs order by run, ordinal", "runs")
VERDICTS: Final = sql(
    """select * from lakeflow_verdicts where asset in :assets and environment in ('', :environment)
    order by ordinal""",
    "assets",
)

MAKE_ENVIRONMENT: Final = sql("""insert into lakeflow_environments values (:name, :at, :at, :at)
    on conflict do nothing""")
USE_ENVIRONMENT: Final = sql("update lakeflow_environments set used_at = :at where name = :name")
PIN_ENVIRONMENT: Final = sql("update lakeflow_environments set pinned_at = :at, used_at = :at where name = :name")
ENVIRONMENTS: Final = sql("select * from lakeflow_environments order by name")
ENVIRONMENT: Final = sql("select * from lakeflow_environments where name = :name")
PINS: Final = sql("select * from lakeflow_pins where environment = :name")
ALL_PINS: Final = sql("select snapshot_id from lakeflow_pins where snapshot_id is not null")
PIN: Final = sql("insert into lakeflow_pins values (:name, :asset, :uuid, :snapshot_id)")
UNPIN: Final = sql("delete from lakeflow_pins where environment = :name and asset in :assets", "assets")
RUNS_OF: Final = sql("select id from lakeflow_runs where environment = :name")
HAND_OVER_TAKEN_BACK: Final = sql("""update lakeflow_steps set state = 'skipped', reason = 'rolled back'
    where run = :run and state = 'published'
    and exists (select 1 from lakeflow_runs where id = :run and state = 'rolled_back')""")
HAND_OVER_RUN: Final = sql("""insert into lakeflow_runs
    select :run, 'published', started_at, attempt, ended_at, selection, all_or_nothing, actor, reason, ''
    from lakeflow_runs where id = :recorded
    on conflict (id) do update set state = excluded.state, attempt = excluded.attempt, ended_at = excluded.ended_at""")
HAND_OVER_STEP: Final = sql("""insert into lakeflow_steps
    select :run, ordinal, asset, action, reasons, state, reason, attempt, base_id, snapshot_id, row_count, seconds,
        code_version, checks_digest, reads, inputs, partitions, ended_at
    from lakeflow_steps where run = :recorded and asset = :asset and snapshot_id = :snapshot_id
    on conflict (run, asset) do update set state = excluded.state, reason = excluded.reason""")
HAND_OVER_CHECKS: Final = sql("""insert into lakeflow_checks
    select :run, asset, ordinal, snapshot_id, name, outcome, severity, failed_rows, row_count, detail, path, samples,
        scope, evidence, asked
    from lakeflow_checks where run = :recorded and asset = :asset and snapshot_id = :snapshot_id
    on conflict do nothing""")
HAND_OVER: Final = (HAND_OVER_TAKEN_BACK, HAND_OVER_RUN, HAND_OVER_STEP, HAND_OVER_CHECKS)
"""What makes a run of an environment, as far as it is about that snapshot, a run of main too. One that was handed over
before and was rolled back stands on main again with this snapshot alone.
"""
_ITS_RUNS: Final = "where run in (select id from lakeflow_runs where environment = :name)"
FORGET: Final = (
    sql(f"delete from lakeflow_steps {_ITS_RUNS}"),
    sql(f"delete from lakeflow_checks {_ITS_RUNS}"),
    sql("delete from lakeflow_verdicts where environment = :name"),
    sql("delete from lakeflow_runs where environment = :name"),
    sql("delete from lakeflow_pins where environment = :name"),
    sql("delete from lakeflow_environments where name = :name"),
)
"""What removes an environment and all that was recorded in it."""
