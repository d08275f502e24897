"""Every statement on alerts and the troubles that they tell; `lakeflow.adapters.ledger.statements` has the tables."""

from __future__ import annotations

from typing import Final

from lakeflow.core.ports.database import sql

TROUBLES: Final = sql("select * from lakeflow_troubles")
SET_TROUBLE: Final = sql("""insert into lakeflow_troubles values (:rule, :asset, :kinds, :since, :run, :told)
    on conflict (rule, asset) do update set kinds = excluded.kinds, since = excluded.since, run = excluded.run,
        told = excluded.told""")
END_TROUBLE: Final = sql("delete from lakeflow_troubles where rule = :rule and asset = :asset")
FORGET_TROUBLES: Final = sql("delete from lakeflow_troubles where rule not in :rules", "rules")
RECORD: Final = sql("""insert into lakeflow_alerts
    values ((select coalesce(max(number), 0) + 1 from lakeflow_alerts), :rule, :kind, :asset, :run, :title, :text, :at,
        :state, :tried, :next_try, :problem, :sent_at, '', '')""")
FORGET: Final = sql("delete from lakeflow_alerts where state in ('sent', 'dropped') and told_at < :before")
ALERTS: Final = sql("select * from lakeflow_alerts order by number desc limit :limit")
OPEN: Final = sql("select * from lakeflow_alerts where state in ('pending', 'failed') order by number")
CLAIM: Final = sql(
    """update lakeflow_alerts set claimed_by = :host, claimed_until = :until
    where number in :numbers and state in ('pending', 'failed')
        and (claimed_by in ('', :host) or claimed_until <= :now or claimed_until > :farthest)""",
    numbers="numbers",
)
CLAIMED: Final = sql(
    """select * from lakeflow_alerts where state in ('pending', 'failed')
    and claimed_by = :host and claimed_until = :until and number in :numbers order by number""",
    numbers="numbers",
)
SETTLE: Final = sql("""update lakeflow_alerts set state = :state, tried = :tried, next_try = :next_try,
    problem = :problem, sent_at = :sent_at, claimed_by = '', claimed_until = '' where number = :number""")
LAKE: Final = sql("select id from lakeflow_lake")
AT_WORK: Final = sql("select 1 from lakeflow_runs where id = :run and state = 'running'")
SEEN: Final = sql("""select * from lakeflow_verdicts where asset = :asset and snapshot_id = :snapshot
    and ruling in ('publish', 'forced') order by ordinal desc limit 1""")
