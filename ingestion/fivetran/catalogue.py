"""Every table that is known: what becomes of it, and what it needs.

A table that is not here is named when it is met, and left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ingestion.fivetran import ads, beside, objects, signals
from ingestion.fivetran.joins import ENGAGEMENTS, OBJECTS, PAIRS
from ingestion.fivetran.model import Shape, Table


def _hubspot() -> Iterable[Table]:
    for object_type, (name, ids) in OBJECTS.items():
        yield Table("hubspot", name, object_type, (ids,), (objects.shape(object_type),))
    own = (("engagement_id", "id"),)
    for name, object_type in ENGAGEMENTS.items():
        shape = objects.engagement_shape(name)
        about = (
            object_type if object_type in objects.PLAIN else f"{object_type}, as other activities"
        )
        yield Table("hubspot", name, about, own, (shape,))
    about = "engagements that no table of their type has; times and owners of the others"
    yield Table("hubspot", "engagement", about, own, (objects.engagement_shape("engagement"),))
    for name, ((_, start_id), (_, end_id)) in PAIRS.items():
        yield Table(
            "hubspot",
            name,
            "pairs of linked objects, and the links in the objects themselves",
            ((start_id,), (end_id,)),
            (beside.pairs(name),),
        )
    for name, about, columns, shape in _beside():
        yield Table("hubspot", name, about, columns, (shape,))
    for name, (about, columns) in _LOOKED_UP.items():
        yield Table("hubspot", name, about, columns, is_looked_up=True)
    for name in signals.EVENT_DETAILS:
        about = "addresses, reasons and agents of mail events"
        yield Table("hubspot", name, about, (("id",),), is_looked_up=True)
    for name, about in _LEFT.items():
        yield Table("hubspot", name, about)


def _beside() -> Iterable[tuple[str, str, tuple[tuple[str, ...], ...], Shape]]:
    for object_type in ("deals", "tickets"):
        name = f"{object_type[:-1]}_pipeline_stage"
        columns = (("stage_id", "id"), ("pipeline_id",))
        yield name, f"stages of {object_type}", columns, beside.stages(object_type)
    for object_type, (name, _) in OBJECTS.items():
        about = f"what properties of {object_type} were"
        columns = ((f"{name}_id",), ("name",), beside.HISTORY_TIMES)
        yield f"{name}_property_history", about, columns, beside.history(object_type)
    about = "when deals came into stages: history, and a property of the deals"
    columns = (("deal_id",), ("value",), ("date_entered", "_fivetran_start"))
    yield "deal_stage", about, columns, beside.deal_stages()
    yield "owner", "owners", (("owner_id", "id"),), beside.owners()
    yield "contact_list", "lists", (("id", "contact_list_id"),), beside.lists()
    columns = (("contact_list_id", "list_id"), ("contact_id", "id"))
    yield "contact_list_member", "who is on a list", columns, beside.members()
    columns = (("contact_id",), ("form_id",), ("timestamp",))
    about = "who sent a form"
    yield "contact_form_submission", about, columns, signals.form_submissions()
    yield "email_event", "what became of mails", (("id",), ("type",)), signals.mail_events()


_LOOKED_UP: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "contact_merge_audit": (
        "contacts merged away",
        (("canonical_vid", "contact_id"), ("vid_to_merge",)),
    ),
    "merged_deal": ("deals merged away", (("deal_id",), ("merged_deal_id",))),
    "deal_pipeline": ("names of pipelines", (("pipeline_id", "id"), ("label",))),
    "ticket_pipeline": ("names of pipelines", (("pipeline_id", "id"), ("label",))),
    "owner_team": ("owners' teams", (("owner_id",), ("team_id",))),
    "team": ("owners' teams", (("id", "team_id"), ("name",))),
    "form": ("names of forms", (("guid", "id"), ("name",))),
}
_LEFT = {
    "email_campaign": "mails have no campaigns of the CRM's here",
    "property": "definitions of properties are not kept",
    "property_option": "definitions of properties are not kept",
    "role": "users of the CRM are not kept",
    "team_user": "users of the CRM are not kept",
    "users": "users of the CRM are not kept; owners are",
}


def _report(
    platform: ads.Platform,
    name: str,
    level: str,
    columns: tuple[tuple[str, ...], ...],
    shapes: tuple[Shape, ...] = (),
    needs: tuple[tuple[str, tuple[str, ...]], ...] = (),
) -> Table:
    about = f"spend by {level.replace('_', ' ')} and {'month' if 'month' in name else 'day'}"
    return Table(
        platform.connector,
        name,
        about if shapes else f"{about}: told, never added to another level",
        (*columns, platform.day) if shapes else (),
        shapes,
        needs=needs,
        check=partial(ads.no_currency, platform) if shapes else None,
        level=level,
        spend=partial(ads.totals, platform, level),
    )


def _history(platform: ads.Platform) -> Iterable[Table]:
    for what, name in platform.tables.items():
        if what == "actions":
            about = "conversions of ads"
            columns = (("ad_id",), ("date",), ("action_type",), ("value",))
            yield Table(platform.connector, name, about, columns, is_looked_up=True)
        else:
            about = f"names and links of {what}, the last version of each"
            about = "currencies of accounts, the last of each" if what == "accounts" else about
            yield Table(platform.connector, name, about, (("id",),), is_looked_up=True)


def _ads() -> Iterable[Table]:
    google, meta, linkedin = ads.GOOGLE, ads.META, ads.LINKEDIN
    for platform in (google, meta, linkedin):
        yield from _history(platform)
    cost = ("cost_micros",)
    campaigns = (ads.shape(google, "campaign", "ad_spend"),)
    yield _report(google, "campaign_stats", "campaign", (cost, ("id", "campaign_id")), campaigns)
    details = (ads.shape(google, "ad", "ad_spend_details"),)
    yield _report(google, "ad_stats", "ad", (cost, ("ad_id",)), details)
    for name, level in (
        ("account_stats", "account"),
        ("ad_group_stats", "ad_group"),
        ("keyword_stats", "keyword"),
        ("search_term_keyword_stats", "search_term"),
    ):
        yield _report(google, name, level, ())
    yield Table("google_ads", "ad_group_criterion_history", "keywords are not kept")

    cost = ("spend",)
    campaigns = (ads.shape(meta, "campaign", "ad_spend"),)
    yield _report(meta, "basic_campaign", "campaign", (cost, ("campaign_id",)), campaigns)
    by_ad = (
        ads.shape(meta, "ad", "ad_spend_details"),
        ads.shape(meta, "ad", "ad_spend", unless="basic_campaign"),
    )
    needs = (("ad_history", ("campaign_id",)),)
    yield _report(meta, "basic_ad", "ad", (cost, ("ad_id",), ("account_id",)), by_ad, needs)
    for name, level in (
        ("basic_account", "account"),
        ("basic_ad_set", "ad_group"),
        ("demographics_country", "country"),
        ("demographics_region", "region"),
    ):
        yield _report(meta, name, level, ())
    for name in ("basic_ad_action_values", "demographics_country_actions"):
        yield Table("facebook_ads", name, "values and demographics of actions are not kept")
    about = "values and demographics of actions are not kept"
    yield Table("facebook_ads", "demographics_region_actions", about)

    cost = ("cost_in_local_currency", "cost_in_usd")
    campaigns = (ads.shape(linkedin, "campaign", "ad_spend"),)
    needs = (("campaign_history", ("account_id",)),)
    columns = (cost, ("campaign_id",))
    name = "ad_analytics_by_campaign"
    yield _report(linkedin, name, "campaign", columns, campaigns, needs)
    details = (ads.shape(linkedin, "ad", "ad_spend_details"),)
    needs = (*needs, ("creative_history", ("campaign_id",)))
    columns = (cost, ("creative_id",))
    yield _report(linkedin, "ad_analytics_by_creative", "ad", columns, details, needs)
    for level in ("country", "region"):
        yield _report(linkedin, f"monthly_ad_analytics_by_member_{level}", level, ())
    yield Table("linkedin_ads", "campaign_group_history", "groups of campaigns are not kept")
    yield Table("linkedin_ads", "geo", "places are not kept")


TABLES: dict[str, Table] = {table.full_name: table for table in (*_hubspot(), *_ads())}
#: Names that exports of some connectors use for the same tables.
_ALIASES = {
    "linkedin_ads.account_history": "linkedin_ads.ad_account_history",
    "linkedin_ads.ad_campaign_history": "linkedin_ads.campaign_history",
    "linkedin_ads.ad_campaign_group_history": "linkedin_ads.campaign_group_history",
    "linkedin_ads.analytics_by_campaign": "linkedin_ads.ad_analytics_by_campaign",
    "linkedin_ads.analytics_by_creative": "linkedin_ads.ad_analytics_by_creative",
    "linkedin_ads.monthly_analytics_by_member_country": (
        "linkedin_ads.monthly_ad_analytics_by_member_country"
    ),
    "linkedin_ads.monthly_analytics_by_member_region": (
        "linkedin_ads.monthly_ad_analytics_by_member_region"
    ),
}
#: Every name a table may have.
NAMES: dict[str, Table] = TABLES | {name: TABLES[known] for name, known in _ALIASES.items()}


def columns_missing(table: Table, names: Iterable[str]) -> list[str]:
    """The columns that a table cannot be read without and has not."""
    have = set(names)
    return [" or ".join(some) for some in table.columns if not have & set(some)]


__all__ = ["NAMES", "TABLES", "columns_missing"]
