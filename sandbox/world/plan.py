"""What the world is made of: sizes, funnel quotas, money, channels and their true effects.

Year 1 is October 2024 to September 2025 and lands on the figures of the source documents
(30 and 100 new customers, ARR of 180,000 and 360,000 EUR, CAC of 8,866.67 and 2,000). Year 2
grows on a credible path: about 80 medical and 400 public customers at the fixed end, below the
plan's 100 and 500. Year 3 exists only as the open pipeline at the fixed end.
"""

from __future__ import annotations

from dataclasses import dataclass

VERTICALS = ["medical", "public"]


@dataclass(frozen=True)
class Size:
    """How large one world is. Funnel, customers and costs do not depend on it."""

    contacts: int
    visitors: int  # people who never leave an address
    activity: float  # factor on the mail and visits of contacts outside the funnel
    packed: bool  # event and CRM files gzipped


SIZES = {
    "S": Size(contacts=15_000, visitors=6_500, activity=1.0, packed=False),
    "M": Size(contacts=1_000_000, visitors=700_000, activity=2.0, packed=True),
}


@dataclass(frozen=True)
class Funnel:
    """Stage names in order and, for years 1, 2 and the half year 3, entries to each stage.

    `gap_days` holds the median days from the stage before. `skipped` is the number of paying
    units a year that never entered the optional stage (added on top of its quota).
    """

    stages: list[str]
    entries: dict[int, list[int]]
    gap_days: list[float]
    contact_stages: int  # the first stages are dated on the contact, the rest on the deal
    pipeline: str
    deal_stages: list[str]
    before_start: int  # leads of the half year before the start that never became customers
    optional: str | None = None
    skipped: tuple[int, int, int] = (0, 0, 0)


FUNNELS = {
    "medical": Funnel(
        stages=["lead", "mql", "sql", "demo", "trial", "paid"],
        entries={
            1: [1_200, 600, 120, 96, 60, 30],
            2: [2_700, 1_500, 300, 240, 150, 66],
            3: [1_500, 800, 165, 132, 82, 38],
        },
        gap_days=[0, 6, 9, 9, 10, 18],
        contact_stages=3,
        pipeline="medical_sales",
        deal_stages=[
            "demo_booked",
            "demo_held",
            "trial_started",
            "proposal_sent",
            "contract_signed",
            "medical_lost",
        ],
        before_start=150,
    ),
    "public": Funnel(
        stages=["lead", "qualified", "demo", "pilot", "procurement", "paid"],
        entries={
            1: [2_400, 600, 360, 180, 130, 100],
            2: [5_200, 1_300, 800, 560, 410, 320],
            3: [2_900, 720, 440, 300, 220, 170],
        },
        gap_days=[0, 14, 22, 24, 28, 32],
        contact_stages=2,
        pipeline="public_sales",
        deal_stages=[
            "discovery_call",
            "demo_done",
            "pilot_access",
            "procurement_open",
            "approved_signed",
            "public_lost",
        ],
        before_start=300,
        optional="pilot",
        skipped=(6, 18, 9),
    ),
}

#: Mean starting MRR per customer, and the MRR of the vertical at the end of year 1, EUR.
START_MRR = {"medical": 500, "public": 300}
YEAR_1_MRR = {"medical": 15_000, "public": 30_000}

#: Chance per customer and month of an added deal, of a reduction; of coming back once gone.
EXPANSION = {"medical": 0.05, "public": 0.022}
CONTRACTION = {"medical": 0.008, "public": 0.003}
REACTIVATION = 0.04

#: Multipliers on a lead's weight to go deeper in the funnel when its path before becoming a
#: lead (or, for mail, its nurture) holds the channel: the true effects. 1 is no effect.
CHANNEL_EFFECT = {
    "medical": {
        "events": 1.9,
        "referral": 2.5,
        "webinar": 1.6,
        "partner": 1.4,
        "paid_search": 1.3,
        "press": 1.2,
        "organic_search": 1.15,
        "paid_social": 1.1,
        "social": 1.0,
        "direct": 1.0,
        "email": 1.3,
    },
    "public": {
        "partner": 2.2,
        "events": 2.0,
        "referral": 1.8,
        "webinar": 1.7,
        "organic_search": 1.2,
        "paid_search": 1.1,
        "press": 1.1,
        "paid_social": 1.0,
        "social": 1.0,
        "direct": 1.0,
        "email": 1.3,
    },
}

#: How often a touch before the lead comes through each channel (mail comes after the lead).
CHANNEL_MIX = {
    "medical": {
        "organic_search": 0.26,
        "paid_search": 0.14,
        "paid_social": 0.10,
        "social": 0.08,
        "referral": 0.09,
        "press": 0.07,
        "webinar": 0.06,
        "events": 0.08,
        "partner": 0.04,
        "direct": 0.08,
    },
    "public": {
        "organic_search": 0.25,
        "paid_search": 0.10,
        "paid_social": 0.08,
        "social": 0.06,
        "referral": 0.06,
        "press": 0.05,
        "webinar": 0.11,
        "events": 0.10,
        "partner": 0.11,
        "direct": 0.08,
    },
}
CHANNELS = list(CHANNEL_EFFECT["medical"])

#: Weight of a lead by who it is (account type): the true fit.
FIT = {
    "solo_practice": 1.0,
    "group_practice": 1.6,
    "ambulatory_clinic": 1.3,
    "public_hospital": 0.6,
    "commune": 1.0,
    "epci": 1.5,
    "departement": 1.3,
    "region": 1.2,
}

#: Share of contacts that never receive marketing mail: the universal hold-out.
HOLDOUT = 0.03
