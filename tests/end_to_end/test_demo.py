"""`make demo`, with every outside connection refused, against the world's ground truth."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from ingestion.sources import registry
from reverse_etl.privacy.trail import trail
from tests.conftest import PEPPER
from tests.end_to_end import guides
from tests.end_to_end.demos import Demo
from workspace.identifiers import Keyring, normalise_email, normalise_phone
from workspace.ledger import open_ledger
from workspace.paths import PROJECT, Paths


def test_nobody_was_called(demo: Demo) -> None:
    assert demo.attempts == ""


def test_what_it_says(demo: Demo) -> None:
    assert demo.complaints == ""
    assert "KPIs of September 2026 against the plan" in demo.output
    assert "Dagster's and dbt's own" in demo.output
    lines = demo.output.splitlines()
    assert not [line for line in lines if line.startswith(("INFO", "WARNING", "DEBUG"))]


@pytest.mark.parametrize("guide", sorted(guides.GUIDES.glob("*.md")), ids=lambda path: path.stem)
def test_the_guides_show_what_is_answered(demo: Demo, guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    published = Paths(demo.workspace).published / "marketing.duckdb"
    assert guides.answered(text, published) == text, "python -m tests.end_to_end.guides WORKSPACE"


def test_the_first_year_is_the_documents_year(demo: Demo) -> None:
    found = demo.ask(
        """
        select vertical, metric, round(value, 2) from marts.kpi_monthly
        where month = date '2025-09-01' and vertical <> 'company'
            and (metric, metric_window) in (('arr', 'month'), ('cac_full', 'trailing_12m'))
        order by all
        """
    )
    assert found == [
        ("medical", "arr", 180_000),
        ("medical", "cac_full", 8866.67),
        ("public", "arr", 360_000),
        ("public", "cac_full", 2000),
    ]


def test_recurring_revenue_is_the_worlds(demo: Demo) -> None:
    """Every month's movements, from deals as the CRM knew them."""
    months = demo.ask(
        """
        select
            vertical, date '2024-10-01' + to_months(month::integer) as month, sum("new"),
            sum(reactivation), sum(expansion), sum(contraction), sum(churn), sum(mrr_end)
        from memory.mrr_ledger group by all order by all
        """
    )
    assert len(months) == 48
    assert months == demo.ask(
        """
        select
            vertical, month::timestamp as month, sum(new_mrr), sum(reactivation_mrr),
            sum(expansion_mrr), sum(contraction_mrr), sum(churn_mrr), sum(end_mrr)
        from marts.mrr_movements
        where month < date '2026-10-01' group by all order by all
        """
    )


@pytest.fixture(scope="module")
def devices(demo: Demo) -> pa.Table:
    """Anonymous ids of the truth with the keys that the marts show."""
    ids = [name for (name,) in demo.ask("select distinct anonymous_id from memory.sessions")]
    keys = Keyring(PEPPER.encode()).keys("anonymous_id", ids)
    return pa.table({"anonymous_id": ids, "visitor_key": keys})


#: The world's sessions beside ours of the same device and start.
SESSIONS = """
from memory.sessions as truth
inner join memory.devices as devices using (anonymous_id)
left join marts.fct_sessions as found
    on devices.visitor_key = found.visitor_key and truth."first" = found.started_at
"""


def test_sessions_are_the_worlds(demo: Demo, devices: pa.Table) -> None:
    """Each with its first and last message and their number; the channel in all but a few."""
    ((sessions, exact, channel, campaign, bots, caught, wrong),) = demo.ask(
        f"""
        select
            count(*), count_if(found.ended_at = truth."last" and found.events = truth.events),
            avg((found.channel = truth.channel)::int),
            avg((coalesce(found.campaign, '') = truth.campaign)::int),
            count_if(is_bot), count_if(is_bot and actor_class = 'machine'),
            count_if(not is_bot and actor_class != 'human')
        {SESSIONS}
        """,
        devices=devices,
    )
    assert sessions > 40_000 and exact == sessions
    assert channel >= 0.995 and campaign >= 0.995
    assert bots > 500 and (caught, wrong) == (bots, 0)
    # Beside them only the app's sessions and what the analytics vendor's export tells.
    ((others, of_the_app, with_pages),) = demo.ask(
        f"""
        select count(*), count_if(surface = 'app'), count_if(surface = 'web')
        from marts.fct_sessions anti join (select session_id {SESSIONS}) using (session_id)
        """,
        devices=devices,
    )
    assert others == of_the_app + with_pages and with_pages < 500


def test_a_session_of_somebody_else_is_nobodys(demo: Demo, devices: pa.Table) -> None:
    """Of the sessions given to a contact of the CRM, 99.9 % are that person's own."""
    crm_ids = [
        name
        for (name,) in demo.ask(
            "select distinct value from memory.identities where kind = 'user_id'"
        )
    ]
    users = pa.table(
        {"value": crm_ids, "user_key": Keyring(PEPPER.encode()).keys("user_id", crm_ids)}
    )
    ((given, right),) = demo.ask(
        f"""
        select count(*), count_if(truth.person = identities.person)
        {SESSIONS}
        inner join marts.identity_map as map
            on found.contact_id = map.contact_id and map.identifier_type = 'user_id'
        inner join memory.users as users on map.identifier_key = users.user_key
        inner join memory.identities as identities
            on users.value = identities.value and identities.kind = 'user_id'
        """,
        devices=devices,
        users=users,
    )
    assert given > 5_000 and right / given > 0.999


@pytest.mark.parametrize("event", ["Email Opened", "Email Clicked"])
def test_machines_are_told_from_people(demo: Demo, event: str) -> None:
    """By every rule; of a scanner that hides its name the times alone tell."""
    ((machines, found, right),) = demo.ask(
        f"""
        select
            count(truth.message_id), count_if(actor_class = 'machine'),
            count_if(actor_class = 'machine' and truth.message_id is not null)
        from marts.fct_events left join memory.machine_events as truth using (message_id)
        where event = '{event}'
        """
    )
    assert machines > 5_000
    assert right / found >= 0.98 and right / machines >= 0.9
    with duckdb.connect(str(demo.workspace / "warehouse.duckdb"), read_only=True) as connection:
        timed = connection.execute(
            "select distinct reaction_id from intermediate.int_mail_timing"
        ).to_arrow_table()
    ((scanned, by_time, by_time_right),) = demo.ask(
        f"""
        select
            count_if(actor = 'gateway'), count(timed.reaction_id),
            count_if(actor = 'gateway' and timed.reaction_id is not null)
        from marts.fct_events
        left join memory.machine_events as truth using (message_id)
        left join memory.timed as timed on fct_events.message_id = timed.reaction_id
        where event = '{event}'
        """,
        timed=timed,
    )
    assert by_time_right / by_time >= 0.98 and by_time_right / scanned >= 0.9


def test_every_planted_fault_is_told(demo: Demo) -> None:
    planted = demo.ask(
        """
        -- What comes from after the end has landed at the end: its time is out of range.
        select kind, if(verdict = 'future', 'bad', verdict) as verdict, count(*)
        from memory.planted_rows where verdict <> 'good' group by all order by all
        """
    )
    rejected = demo.ask(
        "select kind, verdict, count(*) from marts.rejected_rows group by all order by all"
    )
    assert rejected == planted and len(planted) > 5


def test_every_message_counts_once(demo: Demo) -> None:
    ((repeated, distinct),) = demo.ask(
        """
        select count(*) - count(distinct message_id), count(distinct message_id)
        from marts.fct_events
        """
    )
    assert repeated == 0 and distinct > 400_000
    unknown = demo.ask(
        """
        select count(*) from memory.duplicates as twice
        anti join marts.fct_events as events using (message_id)
        """
    )
    assert unknown == [(0,)]


def test_every_source_was_asked(demo: Demo) -> None:
    """The stand-ins' rows are in the lake, and nothing of theirs was refused."""
    assert "skipped" not in demo.output and "failed" not in demo.output
    asked = demo.ask(
        "select step, status, row_count from marts.run_log where starts_with(step, 'pull_')"
    )
    names = {step.removeprefix("pull_") for step, _, _ in asked}
    assert names == {*registry.MODULES, "sources"}
    assert all(status == "succeeded" and rows > 0 for _, status, rows in asked)


def test_files_and_apis_hold_what_the_world_holds(demo: Demo) -> None:
    """What the newest objects and days say came by API, once, and agrees with the truth."""
    ((days, platforms),) = demo.ask(
        """
        select count(distinct spend_on), count(distinct platform)
        from marts.fct_ad_spend_daily where spend_on >= date '2026-09-17' and vertical is not null
        """
    )
    assert (days, platforms) == (13, 4)
    ((unallocated, details),) = demo.ask(
        """
        select count(*) filter (level = 'unallocated'), count(*) filter (level = 'ad')
        from marts.fct_ad_spend_detail_daily
        """
    )
    assert unallocated > 0 and details > 100
    for mart, fewest in {
        "fct_web_analytics_daily": 200,
        "fct_meetings": 50,
        "fct_form_submissions": 100,
        "fct_support_tickets": 100,
        "fct_social_daily": 60,
        "fct_tender_notices": 100,
        "fct_crm_activities": 200,
        "crm_associations": 200,
    }.items():
        ((rows,),) = demo.ask(f"select count(*) from marts.{mart}")
        assert rows >= fewest, mart


#: The contacts of the world's people.
PEOPLE = f"""
    select distinct identities.person, members.contact_id
    from memory.identities
    inner join marts.identity_map as members
        on
            members.identifier_type = 'crm_contact'
            and members.identifier_key
            = {Keyring(PEPPER.encode()).sql("crm_contact", "identities.value")}
    where identities.kind = 'crm_contact' and members.contact_id is not null
"""


@pytest.mark.parametrize("what", ["optout_at", "bounced_at", "complained_at"])
def test_who_is_gone_may_not_be_written_to(demo: Demo, what: str) -> None:
    """Out by the CRM, a provider, a mail tool or an import: no marketing e-mail, for any reason."""
    gone, granted, refused = demo.ask(
        f"""
        with people as ({PEOPLE}), gone as (
            select person from memory.mail_state where {what} < timestamp '2026-09-30 23:00:00'
        )
        select
            count(distinct gone.person),
            count(*) filter (states.state = 'granted'),
            count(distinct gone.person) filter (
                states.purpose = 'marketing'
                and states.state in ('withdrawn', 'objection', 'suppressed')
            )
        from gone
        left join people using (person)
        left join marts.consent_states as states
            on
                states.contact_id = people.contact_id
                and states.channel = 'email'
                and states.is_marketing
        """
    )[0]
    assert gone >= 20 and granted == 0 and refused == gone


def test_what_is_granted_was_granted(demo: Demo) -> None:
    """By the person, for that purpose and channel; and its evidence is a grant with a basis."""
    granted, unheard = demo.ask(
        f"""
        with people as ({PEOPLE}), given as (
            select distinct person, purpose, channel from memory.consent_decisions
            where status = 'granted'
        )
        select count(*), count(*) filter (given.person is null)
        from marts.consent_states as states
        inner join people using (contact_id)
        left join given using (person, purpose, channel)
        where states.state = 'granted'
        """
    )[0]
    assert granted > 10_000 and unheard == 0
    assert demo.ask(
        """
        select count(*) from marts.consent_states as states
        left join marts.consent_records as records using (evidence_id, subject_id)
        where states.state = 'granted'
            and (records.state is distinct from 'granted' or records.legal_basis is null)
        """
    ) == [(0,)]


def test_the_latest_wish_of_a_person_holds_where_it_is_a_refusal(demo: Demo) -> None:
    decided, loosened = demo.ask(
        f"""
        with people as ({PEOPLE}), latest as (
            select person, purpose, channel, max_by(status, "at") as status
            from memory.consent_decisions group by all
        )
        select count(distinct (person, purpose, channel)), count(*) filter (state = 'granted')
        from latest
        inner join people using (person)
        left join marts.consent_states using (contact_id, purpose, channel)
        where latest.status = 'withdrawn'
        """
    )[0]
    assert decided > 1_000 and loosened == 0


def _identities(demo: Demo) -> pl.DataFrame:
    """True (person, identifier_key), without the devices that no message ties to anybody."""
    ring = Keyring(PEPPER.encode())
    normal = {"email": normalise_email, "phone": normalise_phone}
    rows = demo.ask(
        "select person, kind, value from memory.identities "
        "anti join memory.unidentified_devices as unseen on value = unseen.anonymous_id "
        "where kind <> 'crm_company'"
    )
    keyed = {(person, ring.key(kind, normal.get(kind, str)(value))) for person, kind, value in rows}
    return pl.DataFrame(sorted(keyed), schema=["person", "identifier_key"], orient="row")


def _pairs(table: pl.DataFrame, by: str) -> pl.DataFrame:
    """Unordered pairs of identifiers that share a value of the column."""
    return (
        table.join(table, on=by)
        .filter(pl.col("identifier_key") < pl.col("identifier_key_right"))
        .select("identifier_key", "identifier_key_right")
        .unique()
    )


def test_people_are_who_they_are(demo: Demo) -> None:
    """Pairs of identifiers that we say, and that the truth says, belong to one person."""
    identities = _identities(demo)
    found = pl.DataFrame(
        demo.ask("select identifier_key, contact_id from marts.identity_map"),
        schema=["identifier_key", "contact_id"],
        orient="row",
    )
    assert identities.join(found, on="identifier_key", how="anti").height == 0
    said = found.drop_nulls().join(identities, on="identifier_key", how="semi")
    true, ours = _pairs(identities, "person"), _pairs(said, "contact_id")
    right = ours.join(true, on=["identifier_key", "identifier_key_right"], how="semi").height
    assert right / ours.height >= 0.999
    assert right / true.height >= 0.98


def test_shared_devices_join_nobody(demo: Demo) -> None:
    ring = Keyring(PEPPER.encode())
    users = demo.ask("select person, value from memory.identities where kind = 'user_id'")
    person_of = {ring.key("user_id", value): person for person, value in users}
    people: dict[str, set[int]] = {}
    for key, contact in demo.ask(
        "select identifier_key, contact_id from marts.identity_map "
        "where identifier_type = 'user_id' and contact_id is not null"
    ):
        people.setdefault(contact, set()).add(person_of[key])
    assert len(people) > 10_000
    assert [found for found in people.values() if len(found) > 1] == []
    devices = demo.ask("select anonymous_id from memory.shared_devices")
    keys = tuple(ring.key("anonymous_id", value) for (value,) in devices)
    verdicts = demo.ask(
        "select verdict, count(*) from marts.identity_map "
        f"where identifier_key in {keys} group by 1"
    )
    # Where the second never signed in, the device leads to the first.
    assert {verdict for verdict, _ in verdicts} <= {"shared", "attached", "alone"}
    assert dict(verdicts)["shared"] >= 1


def test_the_budget_is_the_documents_budget(demo: Demo) -> None:
    """The pie's slices in thousands, and the three readings of CAC that follow from them."""
    assert demo.ask(
        """
        select sum(budget_thousands), sum(actual_thousands) from marts.budget_vs_actual
        where vertical = 'medical' and plan_year = 1 and cost_class = 'marketing'
        """
    ) == [(116, 116)]
    readings = demo.ask(
        """
        select
            round(sum(actual_base) filter (is_in_cac_marketing) / 30, 2),
            round(sum(actual_base) filter (is_in_cac_full) / 30, 2),
            round(sum(actual_base) filter (is_in_cac_deduplicated) / 30, 2)
        from marts.budget_vs_actual where vertical = 'medical' and plan_year = 1
        """
    )
    assert readings == [(3866.67, 8866.67, 7366.67)]


def test_two_screens_show_one_number(demo: Demo) -> None:
    ((different, compared),) = demo.ask(
        "select count(*) filter (not is_equal), count(is_equal) from marts.reconciliation"
    )
    assert different == 0 and compared > 2_000


def test_cohorts_are_the_worlds(demo: Demo) -> None:
    differing = demo.ask(
        """
        with first_paid as (
            select customer, min(month) as cohort from memory.mrr_ledger
            where mrr_end > 0 group by all
        ),
        truth as (
            select
                vertical, date '2024-10-01' + to_months(cohort::int) as cohort_month,
                month - cohort as age_months, count(*) filter (mrr_end > 0) as kept,
                sum(mrr_end) as mrr
            from memory.mrr_ledger inner join first_paid using (customer)
            where month >= cohort group by all
        )
        select * from truth
        full join marts.cohort_retention using (vertical, cohort_month, age_months)
        where kept is distinct from retained_customers or mrr is distinct from retained_mrr
        """
    )
    assert differing == []


def test_leads_stand_at_the_channel_that_brought_them(demo: Demo) -> None:
    """The last touch before the lead; the CRM cannot tell the press from other referrals."""
    differing = demo.ask(
        """
        with last_touches as (
            select person, if(channel = 'press', 'referral', channel) as channel
            from memory.touches
            qualify row_number() over (partition by person order by time desc) = 1
        ),
        truth as (
            select vertical, channel, count(*) as leads
            from memory.stages inner join last_touches using (person)
            where stage = 'lead' group by all
        ),
        shown as (
            select vertical, channel, sum(sourced_leads) as leads
            from marts.channel_performance group by all having leads > 0
        )
        select * from truth full join shown using (vertical, channel)
        where truth.leads is distinct from shown.leads
        """
    )
    assert differing == []


def test_partners_bring_what_channel_partner_brings(demo: Demo) -> None:
    ((partners, channel),) = demo.ask(
        """
        select
            (select sum(sourced_won_base) from marts.dim_partners),
            (
                select sum(sourced_won_base) from marts.channel_performance
                where channel = 'partner'
            )
        """
    )
    assert partners == channel > 0


def test_the_content_calendar_finds_what_was_skipped(demo: Demo) -> None:
    """A series whose items come from nowhere else fills a slot with each of them."""
    found = demo.ask(
        """
        select
            vertical, content_type, count(*) filter (content_id is not null) as items,
            count(*) filter (is_planned and content_id is not null) as filled,
            count(*) filter (calendar_status = 'missed') as missed
        from marts.content_calendar
        where content_type in ('newsletter', 'email_tip', 'podcast') group by all
        """
    )
    assert len(found) == 3
    for vertical, content_type, items, filled, missed in found:
        assert items == filled, (vertical, content_type)
        planned = 24 if content_type == "podcast" else 104
        assert missed > 0 and filled + missed == planned, (vertical, content_type)


def test_buyers_stand_where_they_are(demo: Demo) -> None:
    """Who entered a stage of the funnel in the last 60 days stands at least as far."""
    ring = Keyring(PEPPER.encode())
    crm_ids = [
        value
        for (value,) in demo.ask(
            "select distinct value from memory.identities where kind = 'crm_contact'"
        )
    ]
    crm = pa.table({"value": crm_ids, "identifier_key": ring.keys("crm_contact", crm_ids)})
    found = demo.ask(
        """
        with latest as (
            select person, max_by(stage, entered) as entered_stage
            from memory.stages group by person
            having max(entered) >= timestamp '2026-10-01' - interval 60 day
        )
        select entered_stage, count(*), count_if(buyers.stage_rank >= case entered_stage
            when 'paid' then 5 when 'procurement' then 4 else 3 end)
        from latest
        inner join memory.identities as identities
            on latest.person = identities.person and identities.kind = 'crm_contact'
        inner join memory.crm as crm using (value)
        inner join marts.identity_map as map using (identifier_key)
        inner join marts.buyer_stages as buyers using (contact_id)
        where entered_stage in ('demo', 'pilot', 'trial', 'procurement', 'paid')
        group by entered_stage
        """,
        crm=crm,
    )
    assert {stage for stage, *_ in found} == {"demo", "pilot", "trial", "procurement", "paid"}
    for stage, people, right in found:
        assert right / people >= 0.9, stage


def test_no_touch_is_lost(demo: Demo) -> None:
    """Sessions and reactions to mails of people and machines, each once."""
    ((touches, sources),) = demo.ask(
        """
        select
            count_if(touch_type in ('session', 'ad_click', 'email_open', 'email_click')
                and source in ('sessions', 'events')),
            (select count(*) from marts.fct_sessions) + (
                select count(*) from marts.fct_events
                where event in ('Email Opened', 'Email Clicked')
            )
        from marts.fct_touchpoints
        """
    )
    assert touches == sources > 100_000
    ((scored,),) = demo.ask("select count(*) from marts.lead_scores")
    ((contacts,),) = demo.ask("select count(*) from marts.dim_contacts")
    ((objecting,),) = demo.ask(
        "select count(distinct contact_id) from marts.consent_states "
        "where purpose = 'profiling' and state in ('withdrawn', 'objection')"
    )
    assert scored == contacts - objecting and objecting > 0


def test_the_market_is_the_reference_file(demo: Demo) -> None:
    counted = dict(
        demo.ask(
            "select segment, organisations from marts.market_size where counted_in = 'reference'"
        )
    )
    places = pl.read_csv(PROJECT / "data/reference/collectivites.csv.gz", infer_schema=False)
    communes = places.filter(pl.col("level") == "commune")["population"].cast(pl.Int64)
    assert counted["collectivites"] == places.height
    assert counted["communes"] == len(communes)
    assert counted["small_communes"] == (communes < 5_000).sum()
    assert counted["large_communes"] == (communes >= 50_000).sum()
    assert counted["unclassified_communes"] == communes.null_count()


def test_target_accounts_are_found_in_any_demo_world(demo: Demo) -> None:
    found = dict(demo.ask("select match_verdict, count(*) from marts.target_accounts group by all"))
    assert found == {"matched": 120, "unmatched": 2}


def test_the_paths_are_those_the_units_took(demo: Demo) -> None:
    """Of the medical leads that had 60 days for it, as the world has it."""
    differing = demo.ask(
        """
        with leads as (
            select person, entered as lead_at from memory.stages
            where vertical = 'medical' and stage = 'lead' and entered < timestamp '2026-07-30'
        ),
        mqls as (
            select person, entered as mql_at from memory.stages
            where vertical = 'medical' and stage = 'mql'
        ),
        truth as (
            select avg(if(mql_at - lead_at < interval 60 days, 1, 0)) as share
            from leads left join mqls using (person)
        )
        select share, observed_share_low, observed_share_high
        from marts.path_transitions cross join truth
        where vertical = 'medical' and from_stage = 'lead' and to_stage = 'mql'
            and not share between observed_share_low and observed_share_high
        """
    )
    assert differing == []


def test_every_medical_account_is_placed(demo: Demo) -> None:
    assert demo.ask(
        """
        select count(*) from marts.dim_accounts
        where (vertical = 'medical' or account_type = 'departement')
            and (departement_code is null or region_code is null)
        """
    ) == [(0,)]


def test_attribution_misses_the_true_effects_by_what_the_docs_say(demo: Demo) -> None:
    """Distance of each model's shares of new customers from those that channels truly brought."""
    found = demo.ask(
        """
        with credited as (
            select vertical, model, channel, sum(weight) as customers
            from marts.attribution_credits
            where is_new_customer and goal = 'deal_won' group by all
        ),
        shares as (
            select vertical, model, channel,
                customers / sum(customers) over (partition by vertical, model) as share
            from credited
        ),
        truth as (
            select vertical, channel, model,
                incremental_customers / sum(incremental_customers)
                    over (partition by vertical, model) as share
            from memory.channel_effects cross join (select distinct model from shares)
        )
        select model, vertical,
            round(sum(abs(coalesce(truth.share, 0) - coalesce(shares.share, 0))) / 2, 2)
        from shares full join truth using (vertical, model, channel)
        group by all
        """
    )
    measured = {(model, vertical): distance for model, vertical, distance in found}
    rows = re.findall(
        r"\| `(\w+)` \| (0\.\d+) \| (0\.\d+) \|", (PROJECT / "docs" / "attribution.md").read_text()
    )
    told = {
        (model, vertical): float(distance)
        for model, *distances in rows
        for vertical, distance in zip(("medical", "public"), distances, strict=True)
    }
    assert len(told) == 18
    assert measured == pytest.approx(told, abs=0.011)
    # What was fitted did reach the credits: a model that fell back would be linear's equal.
    assert measured["markov", "medical"] != measured["linear", "medical"]
    assert demo.ask(
        "select count(*) from marts.attribution_credits where is_fallback and model = 'markov'"
    ) < demo.ask("select count(*) from marts.attribution_credits where model = 'markov'")


def test_segments_agree_with_themselves(demo: Demo) -> None:
    """Every segment was evaluated twice, is fresh, and holds whom its history says."""
    (told,) = demo.ask(
        """
        select count(*), count(*) filter (where is_stale or is_held), sum(contacts)
        from marts.marketing_segments where is_current
        """
    )
    assert told[0] >= 20 and told[1] == 0
    assert demo.ask("select count(*) from marts.segment_memberships") == [(told[2],)]
    assert demo.ask(
        "select min(segment_precision), min(segment_recall), min(sampled) > 500 "
        "from marts.segment_accuracy"
    ) == [(1.0, 1.0, True)]


def test_what_is_to_be_done_next_may_be_done(demo: Demo) -> None:
    """Nobody who is gone or objects gets an action, and each rests on what was measured."""
    people, acted, explored, without_consent, objecting, gone = demo.ask(
        f"""
        with people as ({PEOPLE}), gone as (
            select contact_id from memory.mail_state
            inner join people using (person)
            where coalesce(optout_at, complained_at, bounced_at) < timestamp '2026-09-30 23:00:00'
        ), refusals as (
            select contact_id from marts.consent_states
            where purpose = 'profiling' and state in ('withdrawn', 'objection')
        )
        select
            count(*),
            count(*) filter (where action != 'nothing'),
            avg(is_exploration::int),
            count(*) filter (where action != 'nothing' and reachable.contact_id is null),
            count(*) filter (where contact_id in (from refusals)),
            count(*) filter (where action != 'nothing' and contact_id in (from gone))
        from marts.next_best_actions as actions
        left join marts.reachable_contacts as reachable using (contact_id, purpose, channel)
        """
    )[0]
    assert people > 5_000 and acted > 1_000 and explored == pytest.approx(0.05, abs=0.01)
    assert (without_consent, objecting, gone) == (0, 0, 0)
    models = dict(demo.ask("select action, basis from marts.action_models"))
    assert len(models) == 8 and "assumed" not in models.values()
    told = demo.ask("select action, auc_low from marts.action_models where basis = 'model'")
    assert {"medical_newsletter", "public_digest", "public_welcome"} <= {row[0] for row in told}
    assert all(low > 0.55 for action, low in told if action.endswith(("letter", "digest")))
    # Nothing was automated, so there is nothing to judge, and it says so.
    assert demo.ask("select distinct status, decisions from marts.action_policies") == [
        ("no_decision_to_judge", 0)
    ]
    ranks = "select segment, count(*), max(suggestion_rank) from marts.campaign_suggestions"
    assert all(count == last for _, count, last in demo.ask(f"{ranks} group by segment"))
    assert demo.ask("select segment, count(*) from marts.lookalikes group by all order by all") == [
        ("engaged_surgeons_without_demo", 200),
        ("procurement_ready", 200),
    ]


def test_everything_about_a_person_is_told(demo: Demo) -> None:
    """Every view that it reads is there, with the columns that it names."""
    keyring, paths = Keyring(PEPPER.encode()), Paths(demo.workspace)
    asked = """
        select contact_id from marts.message_queue
        join marts.journey_executions using (contact_id)
        join marts.consent_records using (contact_id)
        join marts.segment_membership_history using (contact_id)
        order by contact_id limit 1
    """
    [(contact_id,)] = demo.ask(asked)
    ledger = open_ledger(f"sqlite:///{paths.ledger}")
    found = trail(paths, ledger, keyring, contact_id)
    ledger.close()
    assert found is not None and found.whom.contact_id == contact_id and found.version
    areas = {one.area for one in found.events}
    assert {"identity", "consent", "message", "journey", "segment"} <= areas
    assert [one.at for one in found.events] == sorted(one.at for one in found.events)
