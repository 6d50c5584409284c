"""Every flat kind: what a good file gives, in CSV and in NDJSON, and what the contract refuses."""

from __future__ import annotations

import gzip
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ingestion import IngestError
from ingestion.contracts import KINDS, STREAMS_OF, TABLES
from tests.ingestion.conftest import KEYRING, Desk
from workspace.identifiers import domain_key
from workspace.streams import STREAMS

AD = "platform,account_id,campaign_id,campaign_name,vertical,spend_on,spend,currency,impressions"
AD += ",clicks,platform_conversions"

FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "ad_spend": (
        f"{AD}\ngoogle,a1,c1,Brand,medical,2026-01-02,12.50,EUR,1000,10,1.5\n",
        {
            "spend": Decimal("12.5000"),
            "spend_on": date(2026, 1, 2),
            "impressions": 1000,
            "platform_conversions": 1.5,
        },
    ),
    "costs": (
        "vertical,cost_month,line,cost_class,amount,currency\nmedical,2026-01,team,sales,1e3,eur\n",
        {
            "cost_month": date(2026, 1, 1),
            "scenario": "actual",
            "amount": Decimal(1000),
            "currency": "EUR",
        },
    ),
    "fx_rates": (
        "base_currency,currency,rate_on,rate\nEUR,USD,2026-01-02,0.92345678\n",
        {"rate": Decimal("0.92345678")},
    ),
    "surveys": (
        "response_id,survey,question_type,email,score,answered_at\n"
        "r1,nps-2026,nps,Jane@X.example,9,2026-01-02T10:00:00+02:00\n",
        {
            "score": 9,
            "occurred_at": datetime(2026, 1, 2, 8),
            "email_key": KEYRING.key("email", "jane@x.example"),
        },
    ),
    "content": (
        "content_id,title,published_at\nc1,A title,2027-01-01T00:00:00Z\n",
        {"title": "A title", "published_at": datetime(2027, 1, 1)},
    ),
    "attendees": (
        "event_key,event_name,event_type,starts_on,email,status\n"
        "salon,Salon,salon,2026-11-17,a@b.example,registered\n",
        {"status": "registered", "starts_on": date(2026, 11, 17)},
    ),
    "contacts": (
        "external_id,email,phone,created_at\n7,a@b.example,01 23 45 67 89,2020-05-06\n",
        {
            "external_id": "7",
            "external_key": KEYRING.key("external_id", "7"),
            "phone_key": KEYRING.key("phone", "+33123456789"),
            "created_at": datetime(2020, 5, 6),
        },
    ),
    "delivery_events": (
        "provider,provider_event_id,event_type,channel,recipient,occurred_at\n"
        "sendgrid,e1,delivered,email,Jane@X.example,2026-01-02T10:00:00Z\n",
        {
            "email_key": KEYRING.key("email", "jane@x.example"),
            "phone_key": None,
            "occurred_at": datetime(2026, 1, 2, 10),
        },
    ),
    "ad_spend_details": (
        "platform,account_id,campaign_id,ad_group_id,ad_id,spend_on,spend,currency,clicks\n"
        "meta,a1,c1,g1,ad1,2026-01-02,12.5,EUR,3\n",
        {"spend": Decimal("12.5"), "clicks": 3, "payload": None},
    ),
    "web_analytics": (
        "source,property_id,report_on,channel_group,sessions,key_events\n"
        "ga4,1,2026-01-02,Organic Search,10,1.5\n",
        {"sessions": 10, "key_events": 1.5, "campaign": None},
    ),
    "meetings": (
        "source,meeting_id,status,email,starts_at\n"
        "calendly,m1,scheduled,Jane@X.example,2026-07-02T10:00:00Z\n",
        {
            "email_key": KEYRING.key("email", "jane@x.example"),
            "starts_at": datetime(2026, 7, 2, 10),
        },
    ),
    "form_submissions": (
        "source,submission_id,email,submitted_at\nunbounce,s1,jane@x.example,2026-01-02\n",
        {
            "occurred_at": datetime(2026, 1, 2),
            "email_key": KEYRING.key("email", "jane@x.example"),
        },
    ),
    "support_tickets": (
        "source,ticket_id,status,created_at,rating\nintercom,t1,Open,2026-01-02,5\n",
        {"status": "open", "rating": 5},
    ),
    "product_usage": (
        "user_id,feature,used_on,uses\nu1,export,2026-01-02,4\n",
        {"source": "product", "uses": 4, "user_key": KEYRING.key("user_id", "u1")},
    ),
    "social_posts": (
        "platform,page_id,post_id,report_on,impressions,reactions\nlinkedin,p,p1,2026-01-02,9,-1\n",
        {"impressions": 9, "reactions": -1},
    ),
    "tender_notices": (
        "source,notice_id,published_on,deadline_at\nboamp,26-1,2026-01-02,2026-09-02T12:00:00Z\n",
        {"published_on": date(2026, 1, 2), "deadline_at": datetime(2026, 9, 2, 12)},
    ),
    "sales_activities": (
        "activity_type,profile_url,occurred_at\nconnected,https://l.example/in/j,2026-01-02\n",
        {"source": "sales_navigator", "activity_type": "connected"},
    ),
    "crm_owners": ("id,email\n7,jane@x.example\n", {"crm_id": "7", "archived": False}),
    "crm_stages": (
        "object_type,pipeline_id,stage_id,position,probability\ndeals,p,s,1,0.5\n",
        {"probability": 0.5, "archived": False},
    ),
    "crm_lists": ("listId,name,size\n9,Customers,3\n", {"list_id": "9", "size": 3}),
    "crm_list_members": ("list_id,recordId\n9,1\n", {"crm_id": "1", "is_member": True}),
    "crm_associations": (
        "from_type,from_id,to_type,to_id\ndeals,1,contacts,2\n",
        {"to_id": "2", "is_associated": True},
    ),
    "crm_property_history": (
        "object_type,crm_id,property,value,changed_at\ndeals,1,dealstage,won,2026-01-02\n",
        {"value": "won", "changed_at": datetime(2026, 1, 2)},
    ),
    "collector_requests": (
        "segment_id,collected_kind,up_to_ms,requests,occurred_at\ns1,events,2.5,7,2026-01-02\n",
        {"up_to_ms": 2.5, "requests": 7},
    ),
    "http_latencies": (
        "worker_id,period,family,outcome,from_ms,below_ms,requests,occurred_at\n"
        "w1,1,read_api,answered,100000,,7,2026-01-02\n",
        {"from_ms": 100000, "below_ms": None, "requests": 7},
    ),
    "suppressions": (
        "email,channel,reason\nJane@X.example,email,bounce\n",
        {
            "identifier_type": "email",
            "identifier_key": KEYRING.key("email", "jane@x.example"),
            "suppressed_at": None,
        },
    ),
    "consents": (
        "phone,purpose,channel,status,decided_at\n0123456789,marketing,sms,granted,2026-01-02\n",
        {"identifier_type": "phone", "status": "granted", "decided_at": datetime(2026, 1, 2)},
    ),
    "reference": (
        "level,code,name,population\ncommune,01001,L'Abergement,832\n",
        {"code": "01001", "population": 832},
    ),
}


def as_ndjson(text: str) -> list[dict[str, str]]:
    header, *lines = text.splitlines()
    return [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]


def test_every_kind_has_a_contract_that_fills_its_stream() -> None:
    assert set(FILES) == set(TABLES)
    assert set(KINDS) == set(TABLES) | {"events", "crm"}
    for contract in TABLES.values():
        columns = {field.column for field in contract.all_fields} - set(contract.one_of)
        columns |= {key.column for key in contract.keys}
        if contract.one_of:
            columns |= {"identifier_type", "identifier", "identifier_key"}
        columns |= {"landed_at", "landing_file", "landing_line"}
        assert columns == set(STREAMS[contract.stream].schema.names)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("shape", ["csv", "csv.gz", "semicolons", "shuffled", "bom", "ndjson"])
def test_a_good_file(desk: Desk, kind: str, shape: str) -> None:
    text, expected = FILES[kind]
    name, content = f"{kind}.csv", text.encode()
    if shape == "csv.gz":
        name, content = f"{kind}.csv.gz", gzip.compress(content)
    elif shape == "semicolons":
        content = content.replace(b",", b";").replace(b"\n", b"\r\n")
    elif shape == "shuffled":
        rows = [line.split(",")[::-1] for line in text.splitlines()]
        content = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode()
    elif shape == "bom":
        content = b"\xef\xbb\xbf" + content
    result = (
        desk.ingest(kind, as_ndjson(text))
        if shape == "ndjson"
        else desk.ingest(kind, content, name=name)
    )
    assert (result.received, result.good) == (1, 1), result.examples
    (row,) = desk.rows(STREAMS_OF[kind][0])
    assert {key: row[key] for key in expected} == expected
    assert row["known_at"] == row["landed_at"] == result.landed_at
    assert row["landing_file"] == result.landing_file
    assert row["landing_line"] == (1 if shape == "ndjson" else 2)


@pytest.mark.parametrize("kind", FILES)
def test_known_at_is_the_sources_own(desk: Desk, kind: str) -> None:
    header, line = FILES[kind][0].splitlines()
    desk.ingest(kind, f"{header},known_at\n{line},2026-02-03T04:05:06Z\n", name="f.csv")
    (row,) = desk.rows(STREAMS_OF[kind][0])
    assert row["known_at"] == datetime(2026, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_column_refuses_the_file(desk: Desk, kind: str) -> None:
    contract = TABLES[kind]
    required = [f for f in contract.fields if f.required and f.default is None]
    header, line = (cells.split(",") for cells in FILES[kind][0].splitlines())
    for field in required:
        keep = [i for i, name in enumerate(header) if name not in field.sources]
        text = "\n".join(",".join(cells[i] for i in keep) for cells in (header, line))
        with pytest.raises(IngestError) as caught:
            desk.ingest(kind, text, name="missing.csv")
        assert caught.value.field == field.column
        assert caught.value.line == 1
        assert caught.value.path.name == "missing.csv"
        assert any(name in str(caught.value) for name in field.sources)
    assert desk.rows(contract.stream) == []


def test_a_file_without_a_header_is_refused(desk: Desk) -> None:
    with pytest.raises(IngestError, match="no column 'platform'"):
        desk.ingest("ad_spend", "google,a1,c1,Brand,medical,2026-01-02,12.50,EUR\n", "f.csv")
    with pytest.raises(IngestError, match="'email' or 'phone'"):
        desk.ingest("suppressions", "mail,channel\na@b.example,email\n", "f.csv")
    with pytest.raises(IngestError, match="'rate' twice"):
        desk.ingest("fx_rates", "base_currency,currency,rate_on,rate,Rate\n", "f.csv")
    with pytest.raises(IngestError, match="UTF-16"):
        desk.ingest("fx_rates", FILES["fx_rates"][0].encode("utf-16"), "f.csv")
    with pytest.raises(IngestError, match="not UTF-8"):
        desk.ingest("fx_rates", "base_currency,devise é\n".encode("latin-1"), "f.csv")
    with pytest.raises(IngestError, match="NDJSON, not CSV"):
        desk.ingest("events", "messageId,type\n", "f.csv")


def test_columns_no_contract_names_are_told(desk: Desk) -> None:
    text = FILES["fx_rates"][0].replace("rate\n", "rate,note\n").rstrip() + ",from the bank\n"
    assert desk.ingest("fx_rates", text, "f.csv").ignored_columns == ["note"]


BAD_CELLS = [
    ("ad_spend", "spend", "", "missing_field"),
    ("ad_spend", "spend", "abc", "not_a_number"),
    ("ad_spend", "spend", "NaN", "not_finite"),
    ("ad_spend", "spend", "-Infinity", "not_finite"),
    ("ad_spend", "spend", "1e400", "number_range"),
    ("ad_spend", "spend", "1e300", "too_many_digits"),
    ("ad_spend", "spend", "1e9999", "number_range"),
    ("ad_spend", "spend", "1.23456", "too_many_digits"),
    ("ad_spend", "spend", "1e-5", "too_many_digits"),
    ("ad_spend", "spend", "123456789012345", "too_many_digits"),
    ("ad_spend", "spend", "9" * 5000, "not_a_number"),
    ("ad_spend", "impressions", "-1", "out_of_range"),
    ("ad_spend", "impressions", "1.5", "not_a_number"),
    ("ad_spend", "impressions", str(2**70), "too_many_digits"),
    ("ad_spend", "platform_conversions", "1e400", "number_range"),
    ("ad_spend", "currency", "EUX", "unknown_currency"),
    ("ad_spend", "spend_on", "02/01/2026", "not_a_time"),
    ("ad_spend", "spend_on", "2026-02-30", "not_a_time"),
    ("ad_spend", "spend_on", "287168-01-01", "time_range"),
    ("ad_spend", "spend_on", "2026-06-03", "time_range"),
    ("ad_spend", "spend_on", "1899-12-31", "time_range"),
    ("costs", "cost_month", "2026-01-02", "not_a_time"),
    ("costs", "cost_month", "2200-02", "time_range"),
    ("costs", "cost_class", "fun", "unknown_value"),
    ("fx_rates", "rate", "0", "out_of_range"),
    ("fx_rates", "rate", "-1", "out_of_range"),
    ("fx_rates", "currency", "EUR", "out_of_range"),
    ("surveys", "score", "11", "out_of_range"),
    ("surveys", "score", "", "missing_field"),
    ("surveys", "answered_at", "287168-01-01T00:00:00Z", "time_range"),
    ("attendees", "status", "", "missing_field"),
    ("attendees", "email", "nobody", "not_an_email"),
    ("suppressions", "email", "nobody", "not_an_email"),
    ("suppressions", "email", "", "missing_field"),
    ("suppressions", "channel", "fax", "unknown_value"),
    ("consents", "phone", "12", "not_a_phone"),
    ("consents", "status", "maybe", "unknown_value"),
    ("reference", "population", "-1", "out_of_range"),
    ("reference", "name", "a\0b", "control_character"),
]


def test_a_delivery_events_recipient_is_an_address_or_its_key(desk: Desk) -> None:
    jane, key = KEYRING.key("email", "jane@x.example"), "ab" * 16
    given = [("jane@x.example", ""), ("", key), ("jane@x.example", key), ("", "jane@x.example")]
    lines = [
        f"links,e{n},clicked,email,{recipient},{its}" for n, (recipient, its) in enumerate(given)
    ]
    header = "provider,provider_event_id,event_type,channel,recipient,email_key"
    shouted = "links,e9,clicked,email,," + key.upper()
    text = "\n".join([header, *lines, shouted])
    result = desk.ingest("delivery_events", text, name="f.csv")
    assert [row["email_key"] for row in desk.rows("delivery_events")] == [jane, key, jane]
    assert [row[1:] for row in desk.rejected(result)] == [("not_a_key", "email_key")] * 2


@pytest.mark.parametrize(("kind", "column", "cell", "reason"), BAD_CELLS)
def test_a_bad_cell_is_named_and_its_neighbours_land(
    desk: Desk, kind: str, column: str, cell: str, reason: str
) -> None:
    header, line = FILES[kind][0].splitlines()
    names = header.split(",")
    cells = line.split(",")
    cells[names.index(column)] = cell
    other = line.split(",")
    for i, name in enumerate(names):  # another identity for the second good row
        if name in ("campaign_id", "line", "response_id", "content_id", "external_id", "code"):
            other[i] = "other"
    text = "\n".join([header, line, ",".join(cells), ",".join(other)])
    result = desk.ingest(kind, text, name="f.csv")
    ((number, found, field),) = desk.rejected(result)
    assert (number, found) == (3, reason)
    # A NUL spoils the record before its cells are looked at.
    named = {"answered_at": "occurred_at", "currency": field}.get(column, column)
    assert field == (None if reason == "control_character" else named)
    assert result.bad == 1
    assert result.good + result.duplicate == 2
    assert desk.rejected_rows()[0]["original"] == ",".join(cells).encode()


def test_csv_quotes(desk: Desk) -> None:
    text = (
        "content_id,title\n"
        '1,"two\nlines, and a ""quote"""\n'
        '2,"never closed\n'
        "3,good\n"
        '4,5" pipe\n'
        '5,"text" after\n'
        '"6","good"\n'
        "7,too,many\n"
        "8\n"
        '9,"lines\u2028apart"\n'
    )
    result = desk.ingest("content", text, name="f.csv")
    assert desk.rejected(result) == [
        (4, "csv_quote", None),
        (7, "csv_quote", None),
        (9, "cell_count", None),
        (10, "cell_count", None),
    ]
    assert {row["content_id"]: row["title"] for row in desk.rows("content_items")} == {
        "1": 'two\nlines, and a "quote"',
        "3": "good",
        "4": '5" pipe',
        "6": "good",
        "9": "lines\u2028apart",
    }
    assert desk.column("content_items", "landing_line") == [2, 5, 6, 8, 11]


def test_csv_bytes(desk: Desk) -> None:
    lines = [
        b"content_id,title",
        b"1,good",
        b"2,\xff\xfe",
        b"3," + b"x" * 1_000_001,
        b"",
        b"4,good",
        b'5,"' + b"x" * 200_000,
        b"6,good",
    ]
    result = desk.ingest("content", b"\n".join(lines), name="f.csv")
    assert desk.rejected(result) == [
        (3, "invalid_utf8", None),
        (4, "too_long", None),
        (7, "csv_quote", None),
    ]
    assert desk.column("content_items", "content_id") == ["1", "4", "6"]


def test_truncated_gzip_of_csv(desk: Desk) -> None:
    text = "content_id,title\n" + "".join(f"{i},title {i * 7919}\n" for i in range(5000))
    packed = gzip.compress(text.encode())
    result = desk.ingest("content", packed[: len(packed) // 2], name="f.csv.gz")
    assert result.good > 500
    assert desk.rejected(result) == [(result.good + 2, "truncated_gzip", None)]


def test_column_mapping(desk: Desk) -> None:
    text = "ID,EMAIL_ADDRESS\n1,a@b.example\n"
    mapping = {"ID": "external_id", "EMAIL_ADDRESS": "email"}
    assert desk.ingest("contacts", text, "old.csv", column_map=mapping).good == 1
    rows = [{"ID": 2, "EMAIL_ADDRESS": "c@d.example"}]
    assert desk.ingest("contacts", rows, column_map=mapping).good == 1
    assert desk.column("imported_contacts", "email") == ["a@b.example", "c@d.example"]
    with pytest.raises(IngestError, match="no column mapping"):
        desk.ingest("costs", FILES["costs"][0], "f.csv", column_map=mapping)


def test_a_mapping_that_leads_nowhere_is_refused(desk: Desk) -> None:
    """A mistyped name would otherwise leave a column out, and with it perhaps a refusal."""
    text = "Mail,Why\na@b.example,complaint\n"
    for mapping, said in (
        ({"Mail": "email", "Why": "reson"}, "'reson', which suppressions do not have.*'reason'"),
        ({"Mail": "email", "Reason": "reason"}, "no column 'reason', which the mapping names"),
    ):
        with pytest.raises(IngestError, match=said):
            desk.ingest("suppressions", text, "old.csv", column_map=mapping)
        with pytest.raises(IngestError, match="'emial', which suppressions"):
            desk.ingest("suppressions", [{"Mail": "a@b.example"}], column_map={"Mail": "emial"})
    found = desk.ingest(
        "suppressions", text, "old.csv", column_map={"Mail": "email", "Why": "reason"}
    )
    assert found.good == 1 and desk.column("suppressions", "reason") == ["complaint"]


def test_an_organisation_is_named_by_domain_or_crm_id(desk: Desk) -> None:
    rows = [
        {"domain": "https://www.Clinic.fr/contact", "reason": "objection"},
        {"domain": "not a domain", "reason": "objection"},
        {"crm_company": "77", "reason": "objection"},
    ]
    result = desk.ingest("suppressions", rows)
    assert desk.rejected(result) == [(2, "not_a_domain", "domain")]
    found = {row["identifier_type"]: row for row in desk.rows("suppressions")}
    assert found["domain"]["identifier"] == "clinic.fr"
    assert found["domain"]["identifier_key"] == domain_key("clinic.fr")
    assert found["crm_company"]["identifier_key"] == KEYRING.key("crm_company", "77")


def test_lists_in_other_encodings(desk: Desk) -> None:
    """What cannot be read is told, row by row; its neighbours land."""
    latin = "email,reason\na@b.example,objection\nrené@b.example,plainte\n".encode("latin-1")
    result = desk.ingest("suppressions", latin, "latin.csv")
    assert result.good == 1 and desk.rejected(result) == [(3, "invalid_utf8", None)]
    for encoding in ("utf-16", "utf-16-le"):
        with pytest.raises(IngestError):
            desk.ingest("suppressions", "email,reason\na@b.example,x\n".encode(encoding), "u.csv")
    marked = desk.ingest("suppressions", "\ufeffemail\nc@d.example\n".encode(), "bom.csv")
    assert marked.good == 1


def test_one_of_two_identifiers(desk: Desk) -> None:
    rows = [
        {"email": "a@b.example", "phone": "0123456789", "channel": "all"},
        {"channel": "all"},
        {"email": "a@b.example"},
    ]
    result = desk.ingest("suppressions", rows)
    assert desk.rejected(result) == [(1, "ambiguous", "phone"), (2, "missing_field", "email")]
    (row,) = desk.rows("suppressions")
    assert (row["channel"], row["reason"]) == ("all", "imported")  # the widest reading


def test_json_types(desk: Desk) -> None:
    rows = [
        {"content_id": 1, "title": "a number for an id"},
        {"content_id": "2", "title": True},
        {"content_id": "3", "title": ["a"]},
        {"content_id": "4", "title": 1.5},
        {"content_id": "5", "title": "x" * 100_001},
        {"content_id": "6", "title": "good", "published_at": 5},
    ]
    result = desk.ingest("content", rows)
    assert desk.rejected(result) == [
        (2, "wrong_type", "title"),
        (3, "wrong_type", "title"),
        (4, "wrong_type", "title"),
        (5, "too_long", "title"),
        (6, "not_a_time", "published_at"),
    ]


def test_money_is_exact(desk: Desk) -> None:
    """From JSON numbers too: no double rounds an amount."""
    row = '{"vertical":"m","cost_month":"2026-01","line":"%s","cost_class":"other","amount":%s,'
    row += '"currency":"EUR"}\n'
    amounts = ["99999999999999.9999", "0.1", "-12.5000", "1E+3", "0.00010"]
    desk.ingest("costs", "".join(row % (i, amount) for i, amount in enumerate(amounts)))
    assert [str(amount) for amount in desk.column("costs", "amount")] == [
        "99999999999999.9999",
        "0.1000",
        "-12.5000",
        "1000.0000",
        "0.0001",
    ]


def test_the_format_is_told_by_content_without_an_extension(desk: Desk) -> None:
    assert desk.ingest("fx_rates", FILES["fx_rates"][0], "rates").good == 1
    assert desk.ingest("content", as_ndjson(FILES["content"][0]), "items").good == 1
