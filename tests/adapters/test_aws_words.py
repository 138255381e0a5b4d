"""What AWS refuses with is told in our words, in one line, and without secrets."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from bot.aws.words import in_our_words
from bot.domain.errors import (
    CloudDenied,
    CloudError,
    CloudUnreachable,
    NoCapacity,
    NotThereYet,
    QuotaReached,
    Throttled,
)


def refusal(code: str, message: str = "Because.", status: int = 400) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # the part that is read
        "RunInstances",
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InsufficientInstanceCapacity", NoCapacity),
        ("InsufficientFreeAddressesInSubnet", NoCapacity),
        ("Unsupported", NoCapacity),
        ("RequestLimitExceeded", Throttled),
        ("Throttling", Throttled),
        ("TooManyRequestsException", Throttled),
        ("VcpuLimitExceeded", QuotaReached),
        ("InstanceLimitExceeded", QuotaReached),
        ("VolumeLimitExceeded", QuotaReached),
        ("TooManyTargets", QuotaReached),
        ("TooManyRules", QuotaReached),
        ("UnauthorizedOperation", CloudDenied),
        ("AccessDenied", CloudDenied),
        ("AuthFailure", CloudDenied),
        ("ExpiredToken", CloudDenied),
        ("InvalidClientTokenId", CloudDenied),
        ("InvalidInstanceID.NotFound", NotThereYet),
        ("InvalidAMIID.NotFound", NotThereYet),
        ("InvalidSubnetID.NotFound", CloudError),
        ("TargetGroupNotFound", CloudError),
        ("IncorrectInstanceState", CloudError),
    ],
)
def test_a_code_has_its_kind(code: str, kind: type[CloudError]) -> None:
    said = in_our_words(refusal(code))
    assert type(said) is kind
    assert code in str(said)
    assert ("Because." in str(said)) is not code.startswith("Insufficient")


@pytest.mark.parametrize(
    ("code", "what", "where"),
    [
        ("VcpuLimitExceeded", "how many vCPUs servers of this kind may have", "services/ec2/quotas"),
        ("InstanceLimitExceeded", "how many servers may run", "services/ec2/quotas"),
        ("VolumeLimitExceeded", "how much disk there may be", "services/ebs/quotas"),
        ("TooManyTargets", "how many targets there may be", "services/elasticloadbalancing/quotas"),
        ("SomethingQuotaExceeded", "a limit that it names", "services/ec2/quotas"),
    ],
)
def test_a_quota_is_called_one_with_what_it_limits_and_where_to_ask_for_more(
    code: str, what: str, where: str
) -> None:
    said = in_our_words(refusal(code))
    assert type(said) is QuotaReached
    assert str(said).startswith(f"A quota of the AWS account is reached: {what} ({code}: Because.).")
    assert "No other subnet would help. Ask for fewer, end what you do not need, or ask AWS" in str(said)
    assert str(said).endswith(f"{where}.")


def test_two_places_without_capacity_say_the_same() -> None:
    """AWS names type and zone, which whoever asked knows already."""
    one, two = (in_our_words(refusal("InsufficientInstanceCapacity", text)) for text in ("In a.", "In b."))
    assert str(one) == str(two)


def test_an_id_that_aws_does_not_know_points_to_the_fleet_file() -> None:
    assert "fleet file" in str(in_our_words(refusal("TargetGroupNotFound")))


def test_trouble_of_awss_own_is_told_as_such() -> None:
    assert type(in_our_words(refusal("InternalError", status=500))) is CloudUnreachable


def test_a_refusal_is_one_line_of_bearable_length() -> None:
    said = str(in_our_words(refusal("Other", "line\n" * 500)))
    assert "\n" not in said
    assert len(said) < 400


def test_an_encoded_message_is_not_shown() -> None:
    message = "You are not authorized. Encoded authorization failure message: SeCrEt"
    assert "SeCrEt" not in str(in_our_words(refusal("UnauthorizedOperation", message)))


@pytest.mark.parametrize("kind", [EndpointConnectionError, ConnectTimeoutError])
def test_no_answer_names_the_host_and_no_password(kind: type[BotoCoreError]) -> None:
    said = in_our_words(kind(endpoint_url="https://user:hunter2@ec2.example.org:8443/path?x=hunter2"))
    assert type(said) is CloudUnreachable
    assert "ec2.example.org:8443" in str(said)
    assert "hunter2" not in str(said)


def test_missing_credentials_say_what_to_set() -> None:
    said = in_our_words(NoCredentialsError())
    assert type(said) is CloudUnreachable
    assert "AWS_ACCESS_KEY_ID" in str(said)


def test_a_request_that_boto_refuses_is_told() -> None:
    assert type(in_our_words(ParamValidationError(report="bad"))) is CloudError
