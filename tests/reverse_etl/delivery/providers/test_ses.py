"""Amazon SES: the request as its SDK makes it and signs it, its errors, and moto's SES."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from moto.server import ThreadedMotoServer

from reverse_etl.delivery.protocol import Kind, Unsupported
from sandbox.servers import ses as standin
from sandbox.servers.base import serving
from sandbox.servers.messaging import Desk
from tests.reverse_etl.delivery.conftest import HARNESSES
from tests.reverse_etl.delivery.harness import (
    LIST_UNSUBSCRIBE,
    Lane,
    Scripted,
    agree,
    shape,
)

SES = HARNESSES["ses"]
DATA = {"Charset": "str", "Data": "str"}
GOLDEN = {
    "ConfigurationOverrides": {
        "Tracking": {"ClickTrackingEnabled": "str", "OpenTrackingEnabled": "str"}
    },
    "ConfigurationSetName": "str",
    "Content": {
        "Simple": {
            "Body": {"Html": DATA, "Text": DATA},
            "Headers": [{"Name": "str", "Value": "str"}],
            "Subject": DATA,
        }
    },
    "Destination": {"ToAddresses": ["str"]},
    "EmailTags": [{"Name": "str", "Value": "str"}],
    "FromEmailAddress": "str",
    "ReplyToAddresses": ["str"],
}


def sent(scripted: Scripted, **changes: Any) -> dict[str, Any]:
    scripted.outcome(SES, 200, {"MessageId": "m1"}, **changes)
    found: dict[str, Any] = json.loads(scripted.requests[-1][3])
    return found


def test_requests_look_like_the_sdk_s(scripted: Scripted) -> None:
    body = sent(scripted, headers=LIST_UNSUBSCRIBE, reply_to="answers@example.org")
    assert shape(body) == GOLDEN
    method, path, headers, _ = scripted.requests[-1]
    assert (method, path) == ("POST", "/v2/email/outbound-emails")
    assert re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=AKIASTANDIN/\d{8}/eu-west-3/ses/aws4_request, "
        r"SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}",
        headers["authorization"],
    )
    assert "amz-sdk-request" not in headers


def test_requests_agree_with_a_capture_of_the_sdk(scripted: Scripted, shared_data: Path) -> None:
    (captured,) = json.loads((shared_data / "wire" / "ses_v2.json").read_text())
    theirs = shape(json.loads(captured["body"]))
    assert isinstance(theirs, dict)
    agree(GOLDEN, theirs)
    assert set(theirs) <= set(GOLDEN)
    sent(scripted)
    method, path, headers, _ = scripted.requests[-1]
    assert (method, path) == (captured["method"], captured["path"])
    signed = re.compile("SignedHeaders=([a-z0-9;-]+)")
    ours, its = (
        signed.search(h) for h in (headers["authorization"], captured["headers"]["Authorization"])
    )
    assert ours and its and ours[1] == its[1]


def test_requests_are_what_amazon_s_own_model_allows(scripted: Scripted) -> None:
    model = botocore.session.get_session().get_service_model("sesv2")
    shape_of = model.operation_model("SendEmail").input_shape
    for changes in ({}, {"headers": LIST_UNSUBSCRIBE}):
        body = sent(scripted, **changes)
        report = ParamValidator().validate(body, shape_of)
        assert not report.has_errors(), report.generate_report()
        simple = shape_of.members["Content"].members["Simple"].members
        of_header = simple["Headers"].member.members
        for header in body["Content"]["Simple"].get("Headers", []):
            for name, value in header.items():
                found = of_header[name].metadata
                assert re.search(found["pattern"], value) and len(value) <= found["max"]


def test_neither_opens_nor_clicks_are_tracked(scripted: Scripted) -> None:
    """Whatever the account and the configuration set say: both are overridden."""
    tracking = sent(scripted)["ConfigurationOverrides"]["Tracking"]
    assert tracking == {"ClickTrackingEnabled": "DISABLED", "OpenTrackingEnabled": "DISABLED"}


def test_tags_have_the_letters_that_ses_takes(scripted: Scripted) -> None:
    labels = {"template": "démo/1", "source": "campaign:a.b@c" + "x" * 300, "": "x", "empty": ""}
    tags = {tag["Name"]: tag["Value"] for tag in sent(scripted, labels=labels)["EmailTags"]}
    assert tags.pop("source").startswith("campaign_a_b_c")
    assert tags == {"outbox_id": f"{1:064x}", "template": "d_mo_1"}


def test_names_are_encoded_as_ses_asks(scripted: Scripted) -> None:
    found = sent(scripted, sender_name="Équipe", sender="a@bücher.example")["FromEmailAddress"]
    assert found == "=?utf-8?q?=C3=89quipe?= <a@xn--bcher-kva.example>"


@pytest.mark.parametrize(
    ("status", "name", "text", "kind"),
    [
        (429, "TooManyRequestsException", "", Kind.THROTTLED),
        (400, "ThrottlingException", "Maximum sending rate exceeded.", Kind.THROTTLED),
        (400, "Throttling", "Daily message quota exceeded.", Kind.EXHAUSTED),
        (429, "TooManyRequestsException", "Daily message quota exceeded", Kind.EXHAUSTED),
        (400, "LimitExceededException", "", Kind.EXHAUSTED),
        (400, "AccountSuspendedException", "", Kind.DENIED),
        (400, "SendingPausedException", "", Kind.DENIED),
        (400, "MailFromDomainNotVerifiedException", "", Kind.SENDER),
        (404, "NotFoundException", "Configuration set does not exist", Kind.DENIED),
        (400, "MessageRejected", "Email address is not verified. a@b", Kind.SENDER),
        (400, "MessageRejected", "Illegal content", Kind.REJECTED),
        (400, "BadRequestException", "Local address contains whitespace", Kind.REJECTED),
        (403, "SignatureDoesNotMatch", "", Kind.DENIED),
        (400, "ExpiredTokenException", "", Kind.DENIED),
        (403, "", "", Kind.DENIED),
        (400, "SomethingNew", "", Kind.REJECTED),
        (500, "InternalFailure", "", Kind.AMBIGUOUS),
        (503, "ThrottlingException", "", Kind.AMBIGUOUS),
    ],
)
def test_errors_are_told_apart_by_their_names(
    scripted: Scripted, status: int, name: str, text: str, kind: Kind
) -> None:
    in_header = scripted.outcome(
        SES, status, {"message": text}, {"x-amzn-errortype": f"{name}:http://internal.amazon.com/"}
    )
    in_body = scripted.outcome(
        SES, status, {"__type": f"com.amazonaws.sesv2#{name}", "Message": text}
    )
    assert in_header.kind is in_body.kind is kind
    assert "@" not in in_header.code


def test_too_many_or_too_long_headers_are_refused(scripted: Scripted) -> None:
    lane = scripted.lane(SES)
    for headers in (
        tuple((f"X-{i}", "1") for i in range(16)),
        (("X-Long", "x" * 996),),
        (("X" * 127, "1"),),
        (("X-Empty", ""),),
        (("X-Letters", "é"),),
        (("X-Tab", "a\tb"),),
    ):
        with pytest.raises(Unsupported):
            lane.item(SES.message(1, headers=headers))


def test_the_stand_in_believes_amazon_s_own_client_and_nobody_else() -> None:
    """Who checks our signatures here accepts those of the SDK."""
    with serving(standin.app(desk := Desk())) as url:
        for secret, accepted in ((standin.SECRET, 1), ("wrong", 1)):
            client = boto3.client(
                "sesv2",
                region_name=standin.REGION,
                endpoint_url=url,
                aws_access_key_id=standin.ACCESS_KEY,
                aws_secret_access_key=secret,
            )
            text = {"Data": "x"}
            request = {
                "FromEmailAddress": "a@x.example",
                "Destination": {"ToAddresses": ["b@y.example"]},
                "Content": {"Simple": {"Subject": text, "Body": {"Text": text}}},
            }
            if secret == "wrong":
                with pytest.raises(client.exceptions.ClientError, match="SignatureDoesNotMatch"):
                    client.send_email(**request)
            else:
                client.send_email(**request)
            assert desk.count == accepted


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_moto_s_ses_takes_a_message(moto: str) -> None:
    client = boto3.client(
        "sesv2",
        region_name=standin.REGION,
        endpoint_url=moto,
        aws_access_key_id=standin.ACCESS_KEY,
        aws_secret_access_key=standin.SECRET,
    )
    lane = Lane(SES, Desk(), standin.environment(moto))
    (before,) = lane.send(SES.message(1))
    assert before.kind is Kind.SENDER  # the sender's address is not verified
    client.create_email_identity(EmailIdentity=SES.message().sender)
    (after,) = lane.send(SES.message(1))
    assert after.kind is Kind.ACCEPTED and after.provider_message_id
