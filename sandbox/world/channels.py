"""Where visits come from: channels, ad campaigns, partners, congresses; their traces in events.

A source is one way a session starts: its UTM parameters, click id and referrer. Search engines
and social networks keep their real host names (classification needs them); the press, partners
and forums of this world live under `.example`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.world.plan import VERTICALS

PARTNERS = {
    "medical": ["SOFCOT", "SFC", "OVHcloud", "Consultants"],
    "public": [
        "AMF",
        "ADF",
        "Régions de France",
        "UGAP",
        "PLACE",
        "Chorus Pro",
        "BOAMP",
        "OVHcloud",
        "Intégrateurs",
        "Revendeurs",
    ],
}

#: HubSpot's original source for each channel.
LEAD_SOURCE = {
    "organic_search": "ORGANIC_SEARCH",
    "paid_search": "PAID_SEARCH",
    "paid_social": "PAID_SOCIAL",
    "social": "SOCIAL_MEDIA",
    "referral": "REFERRALS",
    "press": "REFERRALS",
    "webinar": "OTHER_CAMPAIGNS",
    "events": "OFFLINE",
    "partner": "OFFLINE",
    "direct": "DIRECT_TRAFFIC",
    "email": "EMAIL_MARKETING",
}


@dataclass(frozen=True)
class Campaign:
    """An advertising campaign: its account, currency, monthly budget and cost per click."""

    platform: str
    account_id: str
    campaign_id: str
    name: str
    vertical: str
    channel: str
    currency: str
    monthly: tuple[float, float]  # in the campaign's currency, years 1 and 2
    cost_per_click: float


AD_CAMPAIGNS = [
    Campaign(
        "google_ads",
        "111-222-3333",
        "20010001",
        "med-search-brand",
        "medical",
        "paid_search",
        "EUR",
        (120, 220),
        1.1,
    ),
    Campaign(
        "google_ads",
        "111-222-3333",
        "20010002",
        "med-search-bloc-operatoire",
        "medical",
        "paid_search",
        "EUR",
        (260, 520),
        2.6,
    ),
    Campaign(
        "google_ads",
        "111-222-3333",
        "20010003",
        "med-search-logiciel-chirurgie",
        "medical",
        "paid_search",
        "EUR",
        (180, 360),
        3.1,
    ),
    Campaign(
        "linkedin_ads",
        "508000001",
        "610010001",
        "med-linkedin-jeunes-chirurgiens",
        "medical",
        "paid_social",
        "USD",
        (170, 330),
        6.2,
    ),
    Campaign(
        "linkedin_ads",
        "508000001",
        "610010002",
        "med-linkedin-directeurs-cliniques",
        "medical",
        "paid_social",
        "USD",
        (130, 260),
        7.4,
    ),
    Campaign(
        "meta_ads",
        "act_70010001",
        "120010001",
        "med-meta-retargeting",
        "medical",
        "paid_social",
        "EUR",
        (60, 110),
        0.8,
    ),
    Campaign(
        "google_ads",
        "111-222-4444",
        "20020001",
        "pub-search-brand",
        "public",
        "paid_search",
        "EUR",
        (110, 200),
        0.9,
    ),
    Campaign(
        "google_ads",
        "111-222-4444",
        "20020002",
        "pub-search-marches-publics",
        "public",
        "paid_search",
        "EUR",
        (290, 560),
        2.2,
    ),
    Campaign(
        "microsoft_ads",
        "F1200001",
        "310020001",
        "pub-bing-collectivites",
        "public",
        "paid_search",
        "EUR",
        (90, 150),
        1.4,
    ),
    Campaign(
        "linkedin_ads",
        "508000002",
        "610020001",
        "pub-linkedin-dgs",
        "public",
        "paid_social",
        "USD",
        (210, 400),
        5.8,
    ),
    Campaign(
        "linkedin_ads",
        "508000003",
        "610020002",
        "pub-linkedin-elus",
        "public",
        "paid_social",
        "GBP",
        (80, 160),
        5.1,
    ),
]


@dataclass(frozen=True)
class Source:
    """One way a session starts: what its landing URL, referrer and campaign say."""

    vertical: str
    channel: str
    utm_source: str = ""
    utm_medium: str = ""
    utm_campaign: str = ""
    referrer: str = ""
    click_id: str = ""

    @property
    def query(self) -> str:
        """The landing URL's query string with its question mark, or nothing."""
        pairs = [
            ("utm_source", self.utm_source),
            ("utm_medium", self.utm_medium),
            ("utm_campaign", self.utm_campaign),
        ]
        text = "&".join(f"{k}={v}" for k, v in pairs if v)
        if self.click_id:
            text += f"&{self.click_id}"
        return f"?{text}" if text else ""

    @property
    def campaign(self) -> str:
        """The `context.campaign` member with a leading comma, or nothing."""
        if not self.utm_source:
            return ""
        name = f'"name":"{self.utm_campaign}",' if self.utm_campaign else ""
        return f',"campaign":{{{name}"source":"{self.utm_source}","medium":"{self.utm_medium}"}}'


CLICK_IDS = {
    "google_ads": ("google", "cpc", "gclid=Cj0KCQ{}"),
    "microsoft_ads": ("bing", "cpc", "msclkid=7f3a{}"),
    "linkedin_ads": ("linkedin", "paid_social", "li_fat_id=9c41{}"),
    "meta_ads": ("facebook", "paid_social", "fbclid=IwAR{}"),
}


def sources() -> list[Source]:
    """All sources except e-mail, which has one per mailing (mail.py)."""
    found: list[Source] = []
    for v in VERTICALS:
        found += [
            Source(v, "organic_search", referrer="https://www.google.com/"),
            Source(v, "organic_search", referrer="https://www.google.com/"),
            Source(v, "organic_search", referrer="https://www.bing.com/"),
            Source(v, "organic_search", referrer="https://duckduckgo.com/"),
            Source(v, "social", referrer="https://www.linkedin.com/"),
            Source(v, "social", "linkedin", "social", f"{v[:3]}-linkedin-page"),
            Source(v, "social", referrer="https://www.youtube.com/"),
            Source(v, "direct"),
            Source(v, "webinar", "livestorm", "webinar", f"{v[:3]}-webinaires"),
        ]
        for c in AD_CAMPAIGNS:
            if c.vertical == v:
                source, medium, click = CLICK_IDS[c.platform]
                found.append(
                    Source(
                        v, c.channel, source, medium, c.name, click_id=click.format(c.campaign_id)
                    )
                )
    found += [
        Source("medical", "press", referrer="https://www.lequotidien-medical.example/"),
        Source("medical", "referral", "confrere", "referral", "med-parrainage"),
        Source("medical", "referral", referrer="https://forum-chirurgie.example/"),
        Source("medical", "partner", "sofcot", "partner", "med-partenaires"),
        Source("medical", "events", "sofcot", "event", "med-sofcot"),
        Source("medical", "events", "sfc", "event", "med-sfc"),
        Source("public", "press", referrer="https://www.gazette-collectivites.example/"),
        Source("public", "referral", "collectivite", "referral", "pub-recommandation"),
        Source("public", "referral", referrer="https://www.reseau-dgs.example/"),
        Source("public", "partner", "amf", "partner", "pub-amf"),
        Source("public", "partner", "ugap", "partner", "pub-ugap"),
        Source("public", "partner", referrer="https://www.boamp-avis.example/"),
        Source("public", "events", "salon-des-maires", "event", "pub-salon-des-maires"),
    ]
    return found
