"""The content library and the pages of the two websites.

Cadence as planned by the source documents: blog twice a week, newsletter weekly, LinkedIn daily,
podcast and webinar monthly, a video channel, white papers and guides, case studies.

- items: content_id, title, content_type, vertical, language, topic, persona, stage, channel, url,
  status, published (time).
- pages: page (row), vertical, path, title, kind, content_id, published.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from sandbox.world import calendar as cal
from sandbox.world.draws import stream
from sandbox.world.plan import VERTICALS
from sandbox.world.writer import Files

HOSTS = {"medical": "www.chirurgieprox.example", "public": "www.publichub.example"}
APP_HOSTS = {"medical": "app.chirurgieprox.example", "public": "app.publichub.example"}
TOPICS = {
    "medical": [
        "bloc opératoire",
        "récupération améliorée",
        "consultation préopératoire",
        "facturation",
        "parcours patient",
        "télésuivi",
        "organisation du cabinet",
    ],
    "public": [
        "commande publique",
        "clauses CCTP",
        "budget OPEX",
        "conformité RGPD",
        "dématérialisation",
        "mutualisation",
        "achats responsables",
    ],
}
PERSONAS = {
    "medical": ["surgeon", "practice_manager", "clinic_director"],
    "public": ["procurement_officer", "legal", "finance_director", "elected_official"],
}
#: (type, channel, every n days, first day, stage)
CADENCE = {
    "medical": [
        ("blog_post", "blog", 3.5, 1, "Awareness"),
        ("newsletter", "email", 7, 3, "Interest"),
        ("linkedin_post", "linkedin", 1, 0, "Awareness"),
        ("video", "youtube", 14, 5, "Interest"),
        ("podcast", "podcast", 30, 12, "Awareness"),
        ("webinar", "webinar", 30, 16, "Interest"),
        ("white_paper", "content_hub", 75, 8, "Interest"),
        ("case_study", "content_hub", 60, 20, "Interest"),
    ],
    "public": [
        ("blog_post", "blog", 3.5, 2, "Awareness"),
        ("email_tip", "email", 7, 4, "Interest"),
        ("linkedin_post", "linkedin", 1, 0, "Awareness"),
        ("video", "academy", 14, 6, "Interest"),
        ("regulatory_guide", "resource_centre", 45, 9, "Interest"),
        ("best_practice", "resource_centre", 30, 14, "Interest"),
        ("cctp_template", "resource_centre", 60, 11, "Consideration"),
        ("webinar", "webinar", 30, 18, "Interest"),
        ("case_study", "resource_centre", 50, 22, "Interest"),
    ],
}
TITLES = {
    "blog_post": "{} : trois points à retenir",
    "newsletter": "La lettre : {}",
    "email_tip": "Le conseil de la semaine : {}",
    "linkedin_post": "Post : {}",
    "video": "En vidéo : {}",
    "podcast": "Podcast : {}",
    "webinar": "Webinaire : {}",
    "white_paper": "Livre blanc : {}",
    "case_study": "Ils l'ont fait : {}",
    "regulatory_guide": "Guide réglementaire : {}",
    "best_practice": "Bonnes pratiques : {}",
    "cctp_template": "Modèle de CCTP : {}",
}

#: Fixed pages: path, title, kind.
FIXED = [
    ("/", "Accueil", "home"),
    ("/solution", "La solution", "solution"),
    ("/tarifs", "Tarifs", "pricing"),
    ("/calculateur-roi", "Calculateur de ROI", "roi"),
    ("/demo", "Demander une démonstration", "demo"),
    ("/securite", "Sécurité et conformité", "security"),
    ("/merci", "Merci", "thanks"),
]

#: kind: (weight in early visits, weight in late visits, track event, chance of the event)
PAGE_KINDS = {
    "home": (0.20, 0.12, None, 0.0),
    "solution": (0.12, 0.16, None, 0.0),
    "pricing": (0.05, 0.20, "Pricing Viewed", 1.0),
    "roi": (0.02, 0.10, "ROI Calculator Used", 0.5),
    "demo": (0.02, 0.08, None, 0.0),
    "security": (0.02, 0.08, "Security Document Viewed", 0.6),
    "thanks": (0.0, 0.0, None, 0.0),
    "blog_post": (0.28, 0.04, None, 0.0),
    "white_paper": (0.08, 0.05, "White Paper Downloaded", 0.3),
    "case_study": (0.07, 0.09, "Case Study Viewed", 0.8),
    "webinar": (0.06, 0.03, "Webinar Registered", 0.25),
    "video": (0.05, 0.02, "Video Watched", 0.6),
    "regulatory_guide": (0.06, 0.04, "Guide Downloaded", 0.3),
    "best_practice": (0.03, 0.02, None, 0.0),
    "cctp_template": (0.03, 0.08, "Tender Template Downloaded", 0.5),
}


def items(seed: int) -> pl.DataFrame:
    """The content library, in order of publication."""
    rng = stream(seed, "content")
    parts = []
    for vertical in VERTICALS:
        topics = TOPICS[vertical]
        for kind, channel, every, first, stage in CADENCE[vertical]:
            days = np.arange(first, 730, every).astype(np.int64)
            # A planned item is now and then skipped: the calendar's adherence is below 1.
            days = days[rng.random(len(days)) < 0.93]
            n = len(days)
            topic = pl.Series(topics).gather(rng.integers(0, len(topics), n))
            parts.append(
                pl.DataFrame(
                    {
                        "vertical": [vertical] * n,
                        "content_type": kind,
                        "channel": channel,
                        "stage": stage,
                        "topic": topic,
                        "persona": pl.Series(PERSONAS[vertical]).gather(
                            rng.integers(0, len(PERSONAS[vertical]), n)
                        ),
                        "language": pl.Series(["fr", "fr", "fr", "en"]).gather(
                            rng.integers(0, 4, n)
                        ),
                        "published": cal.START + days * cal.DAY + 8 * cal.HOUR,
                        "number": np.arange(1, n + 1),
                    }
                ).with_columns(title=pl.format(TITLES[kind] + " ({})", "topic", "number"))
            )
    hosts = pl.col("vertical").replace_strict(HOSTS)
    return (
        pl.concat(parts)
        .with_columns(
            content_id=pl.format(
                "{}-{}-{}", pl.col("vertical").str.head(3), "content_type", "number"
            ),
            path=pl.format("/{}/{}", pl.col("content_type").str.replace("_", "-"), "number"),
        )
        .with_columns(url=pl.concat_str(pl.lit("https://"), hosts, "path"))
        .sort("published", "content_id")
    )


def pages(library: pl.DataFrame) -> pl.DataFrame:
    """Every page of both sites: the fixed ones, then those of content that lives on a page."""
    fixed = pl.DataFrame(
        [(v, *p, None, cal.START) for v in VERTICALS for p in FIXED],
        schema=["vertical", "path", "title", "kind", "content_id", "published"],
        orient="row",
    ).with_columns(pl.col("content_id").cast(pl.String))
    own = library.filter(pl.col("content_type").is_in(list(PAGE_KINDS))).select(
        "vertical", "path", "title", "content_id", "published", kind="content_type"
    )
    return pl.concat([fixed, own.select(fixed.columns)]).with_row_index("page")


def write_content(files: Files, library: pl.DataFrame, seed: int) -> None:
    """Items as they were published, and a second version of those retired later."""
    rng = stream(seed, "content versions")
    table = library.with_columns(status=pl.lit("published"), known=pl.col("published"))
    retire = pl.Series(rng.random(table.height)) < 0.06
    retired = table.filter(retire).with_columns(
        status=pl.lit("retired"), known=pl.col("published") + 200 * cal.DAY
    )
    table = pl.concat([table, retired.filter(pl.col("known") < cal.END)]).sort(
        "known", "content_id"
    )
    files.csv(
        "content/content.csv",
        table.select(
            "content_id",
            "title",
            "content_type",
            "vertical",
            "language",
            "topic",
            "persona",
            "stage",
            "channel",
            "url",
            "status",
            published_at=pl.Series(cal.second_text(table["published"].to_numpy())),
            known_at=pl.Series(cal.second_text(table["known"].to_numpy())),
        ),
    )
