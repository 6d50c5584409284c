"""Webhooks as the providers' documentation shows them, and what each must become."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

AT = 1_780_000_000
ISO = "2026-05-28T20:26:40Z"


def sns(message: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "sns-1", "Message": json.dumps(message)}


def ses(kind: str, part: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    mail = {
        "messageId": "ses-1",
        "timestamp": ISO,
        "destination": ["Jane@Example.com", "two@example.com"],
        "tags": {"outbox_id": ["ob1"]},
    }
    return sns({"eventType": kind, "mail": mail, key or kind.lower(): part})


def sendgrid(event: str, **fields: Any) -> dict[str, Any]:
    return {
        "email": "jane@example.com",
        "timestamp": AT,
        "event": event,
        "sg_event_id": f"sg-{event}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "outbox_id": "ob1",
        **fields,
    }


def postmark(kind: str, at: str, **fields: Any) -> dict[str, Any]:
    identity = {"RecordType": kind, "MessageID": "pm-1", "Metadata": {"outbox_id": "ob1"}}
    return {**identity, at: "2026-05-28T20:26:40.1234567Z", **fields}


def brevo(event: str, **fields: Any) -> dict[str, Any]:
    return {
        "event": event,
        "email": "jane@example.com",
        "id": 26224,
        "message-id": "<brevo-1@relay>",
        "ts_event": AT,
        "X-Mailin-custom": "ob1",
        **fields,
    }


def telnyx(kind: str, status: str = "delivered", **payload: Any) -> dict[str, Any]:
    inside = {
        "id": "tx-1",
        "to": [{"phone_number": "+33612345678", "status": status}],
        "from": {"phone_number": "+33600000000"},
        "tags": ["outbox_id:ob1"],
        "errors": [],
        **payload,
    }
    data = {"id": f"{kind}-{status}", "event_type": kind, "occurred_at": ISO, "payload": inside}
    return {"data": data}


def onesignal(kind: str) -> dict[str, Any]:
    return {
        "id": f"os-{kind}",
        "kind": kind,
        "timestamp": AT,
        "message_id": "os-1",
        "subscription_id": "sub-1",
        "outbox_id": "ob1",
    }


def hubspot(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "eventId": 100,
        "subscriptionId": 7,
        "portalId": 1,
        "occurredAt": AT * 1000,
        "subscriptionType": kind,
        "objectId": 1246965,
        **fields,
    }


def twilio(status: str, **fields: str) -> bytes:
    form = {"MessageSid": "SM1", "MessageStatus": status, "To": "+33612345678", **fields}
    return urlencode(form).encode()


#: provider, body, and for each event: type, channel, and some other columns.
SAMPLES: list[tuple[str, Any, list[tuple[str, dict[str, Any]]]]] = [
    (
        "sendgrid",
        [
            sendgrid("processed"),
            sendgrid("deferred", response="451 try later"),
            sendgrid("delivered"),
            sendgrid("bounce", type="bounce", reason="550 no such user"),
            {**sendgrid("bounce", type="blocked"), "sg_event_id": "sg-blocked"},
            sendgrid("dropped", reason="Bounced Address"),
            sendgrid("open", sg_machine_open=True, useragent="Apple"),
            sendgrid("click", url="https://x.example/a"),
            sendgrid("spamreport"),
            sendgrid("unsubscribe"),
            sendgrid("group_unsubscribe"),
            sendgrid("group_resubscribe"),
        ],
        [
            ("processed", {"provider_message_id": "14c5d75ce93", "outbox_id": "ob1"}),
            ("deferred", {"reason": "451 try later"}),
            ("delivered", {"occurred_at": ISO, "recipient": "jane@example.com"}),
            ("bounced", {"bounce_type": "permanent", "reason": "550 no such user"}),
            ("bounced", {"bounce_type": "block"}),
            ("dropped", {}),
            ("opened", {"is_machine": True, "user_agent": "Apple"}),
            ("clicked", {"url": "https://x.example/a"}),
            *[("complained", {}), ("unsubscribed", {}), ("unsubscribed", {}), ("resubscribed", {})],
        ],
    ),
    ("ses", ses("Send", {}), [("sent", {}), ("sent", {"recipient": "two@example.com"})]),
    (
        "ses",
        ses(
            "Bounce",
            {
                "bounceType": "Permanent",
                "bouncedRecipients": [
                    {"emailAddress": "jane@example.com", "diagnosticCode": "550"}
                ],
                "timestamp": "2026-05-28T20:26:41.000Z",
            },
        ),
        [
            (
                "bounced",
                {
                    "bounce_type": "permanent",
                    "reason": "550",
                    "provider_message_id": "ses-1",
                    "outbox_id": "ob1",
                    "occurred_at": "2026-05-28T20:26:41Z",
                },
            )
        ],
    ),
    (
        "ses",
        ses("Complaint", {"complainedRecipients": [{"emailAddress": "a@x.example"}]}),
        [("complained", {"recipient": "a@x.example"})],
    ),
    ("ses", ses("Delivery", {"recipients": ["a@x.example"]}), [("delivered", {})]),
    ("ses", ses("Click", {"link": "https://x.example"}), [("clicked", {}), ("clicked", {})]),
    ("ses", ses("Open", {"ipAddress": "192.0.2.1"}), [("opened", {"ip": "192.0.2.1"})] * 2),
    ("ses", ses("Reject", {"reason": "Bad content"}), [("dropped", {"reason": "Bad content"})] * 2),
    ("ses", ses("Rendering Failure", {"errorMessage": "x"}, "failure"), [("failed", {})] * 2),
    (
        "ses",
        ses(
            "DeliveryDelay",
            {"delayedRecipients": [{"emailAddress": "a@x.example"}]},
            "deliveryDelay",
        ),
        [("deferred", {})],
    ),
    ("ses", ses("Subscription", {}), [("unsubscribed", {})] * 2),
    ("ses", {"Type": "SubscriptionConfirmation", "Token": "t"}, []),
    (
        "postmark",
        postmark("Delivery", "DeliveredAt", Recipient="a@x.example", Details="250 ok"),
        [("delivered", {"outbox_id": "ob1", "occurred_at": "2026-05-28T20:26:40.123456Z"})],
    ),
    (
        "postmark",
        postmark("Bounce", "BouncedAt", ID=42, Email="a@x.example", Type="HardBounce"),
        [("bounced", {"bounce_type": "permanent", "provider_event_id": "42"})],
    ),
    (
        "postmark",
        postmark("Bounce", "BouncedAt", ID=43, Email="a@x.example", Type="SoftBounce"),
        [("bounced", {"bounce_type": "transient"})],
    ),
    ("postmark", postmark("SpamComplaint", "BouncedAt", ID=44, Email="a@x"), [("complained", {})]),
    ("postmark", postmark("Open", "ReceivedAt", Recipient="a@x.example"), [("opened", {})]),
    (
        "postmark",
        postmark("Click", "ReceivedAt", Recipient="a@x", OriginalLink="https://x.example"),
        [("clicked", {"url": "https://x.example"})],
    ),
    (
        "postmark",
        postmark("SubscriptionChange", "ChangedAt", Recipient="a@x", SuppressSending=True),
        [("unsubscribed", {})],
    ),
    (
        "postmark",
        postmark("SubscriptionChange", "ChangedAt", Recipient="a@x", SuppressSending=False),
        [("resubscribed", {})],
    ),
    *[
        ("brevo", brevo(theirs), [(ours, {"outbox_id": "ob1", "occurred_at": ISO, **more})])
        for theirs, ours, more in (
            ("request", "processed", {}),
            ("delivered", "delivered", {}),
            ("soft_bounce", "bounced", {"bounce_type": "transient"}),
            ("hard_bounce", "bounced", {"bounce_type": "permanent"}),
            ("blocked", "dropped", {}),
            ("error", "failed", {}),
            ("unique_opened", "opened", {}),
            ("proxy_open", "opened", {"is_machine": True}),
            ("click", "clicked", {}),
            ("spam", "complained", {}),
            ("unsubscribed", "unsubscribed", {}),
        )
    ],
    *[
        ("twilio", twilio(theirs), [(ours, {"provider_message_id": "SM1", "outbox_id": "ob1"})])
        for theirs, ours in (
            *[("queued", "processed"), ("sent", "sent"), ("delivered", "delivered")],
            *[("canceled", "dropped"), ("read", "read")],
        )
    ],
    ("twilio", twilio("undelivered", ErrorCode="30005"), [("failed", {"reason": "30005"})]),
    ("telnyx", telnyx("message.sent"), [("sent", {"recipient": "+33612345678"})]),
    ("telnyx", telnyx("message.finalized"), [("delivered", {"outbox_id": "ob1"})]),
    (
        "telnyx",
        telnyx("message.finalized", "delivery_failed", errors=[{"code": "40300"}]),
        [("failed", {"reason": "40300"})],
    ),
    ("telnyx", telnyx("message.received"), [("received", {"recipient": "+33600000000"})]),
    *[
        ("onesignal", onesignal(f"message.{theirs}"), [(ours, {"channel": theirs.split(".")[0]})])
        for theirs, ours in (
            *[("push.sent", "sent"), ("push.received", "delivered"), ("push.clicked", "clicked")],
            *[("push.failed", "failed"), ("email.bounced", "bounced"), ("sms.sent", "sent")],
        )
    ],
    (
        "hubspot",
        [
            hubspot("contact.creation"),
            hubspot("contact.propertyChange", eventId=101, propertyName="lifecyclestage"),
            hubspot("deal.deletion", eventId=102),
            hubspot("contact.privacyDeletion", eventId=103),
            hubspot("contact.merge", eventId=104, mergedObjectIds=[1, 2]),
        ],
        [
            ("crm_created", {"provider_message_id": "contact:1246965", "channel": "crm"}),
            ("crm_changed", {"reason": "lifecyclestage", "occurred_at": ISO}),
            ("crm_deleted", {"provider_message_id": "deal:1246965"}),
            ("crm_privacy_deleted", {}),
            ("crm_merged", {}),
        ],
    ),
]


def body_of(sample: Any) -> bytes:
    return sample if isinstance(sample, bytes) else json.dumps(sample).encode()


def path_of(provider: str) -> str:
    return f"/webhooks/{provider}" + ("?outbox_id=ob1" if provider == "twilio" else "")
