"""What AWS says when it refuses, in our words."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.exceptions import (
    ConnectionError as NoConnectionError,
)

from bot.domain.errors import (
    CloudDenied,
    CloudError,
    CloudUnreachable,
    NoCapacity,
    NotThereYet,
    QuotaReached,
    Throttled,
)

LONGEST = 240
_SERVER_FAULT = 500
_LOAD_BALANCING = "elasticloadbalancing"

NO_CAPACITY = frozenset(
    {
        "InsufficientAddressCapacity",
        "InsufficientCapacity",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientVolumeCapacity",
        "Unsupported",
    }
)
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Blocked",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "OptInRequired",
        "PendingVerification",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
# A missing subnet or security group is not among them: it is never made by us, so waiting would not help.
_NOT_THERE_YET = frozenset(
    {"InvalidAMIID.NotFound", "InvalidInstanceID.NotFound", "InvalidSnapshot.NotFound", "InvalidTarget"}
)
_WRONG_ID = ("NotFound", "Malformed", "ValidationError")
_HINT = " Check the ids in the fleet file."
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
_SENTENCES: Mapping[type[CloudError], str] = {
    NoCapacity: "AWS has no such server to give there just now ({said}). "
    "Try again later, or name more `subnets` or `instance_types` in the fleet file.",
    Throttled: "AWS asks us to slow down ({said}). Try again in some minutes.",
    QuotaReached: "A quota of the AWS account is reached: {quota} ({said}). No other subnet would help. "
    "Ask for fewer, end what you do not need, or ask AWS for more: {where}.",
    CloudDenied: "Our AWS credentials may not do this: {operation} ({said}). "
    "Let an administrator allow it, then try again.",
    NotThereYet: "AWS does not know yet what it has just made ({said}). Try again in a minute.",
    CloudUnreachable: "AWS has trouble of its own ({said}). Try again in some minutes.",
    CloudError: "AWS refused {operation} ({said}).",
}

_QUOTAS: Mapping[str, tuple[str, str]] = {
    "InstanceLimitExceeded": ("how many servers may run", "ec2"),
    "MaxIOPSLimitExceeded": ("how many IOPS disks may have", "ebs"),
    "NetworkInterfaceLimitExceeded": ("how many network interfaces there may be", "vpc"),
    "PendingSnapshotLimitExceeded": ("how many snapshots may be made at once", "ebs"),
    "ResourceLimitExceeded": ("how many AMIs there may be", "ec2"),
    "SnapshotLimitExceeded": ("how many snapshots there may be", "ebs"),
    "TooManyRegistrationsForTargetId": ("how often one target may be registered", _LOAD_BALANCING),
    "TooManyRules": ("how many listener rules there may be", _LOAD_BALANCING),
    "TooManyTargets": ("how many targets there may be", _LOAD_BALANCING),
    "VcpuLimitExceeded": ("how many vCPUs servers of this kind may have", "ec2"),
    "VolumeLimitExceeded": ("how much disk there may be", "ebs"),
}
"""What each limits, and the service under which AWS's console lists it."""
_UNNAMED_QUOTA = ("a limit that it names", "ec2")
_CONSOLE = "https://console.aws.amazon.com/servicequotas/home/services/{}/quotas"


def code_of(error: ClientError) -> str:
    """AWS's name for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", "")) or "no code"


def in_our_words(error: ClientError | BotoCoreError) -> CloudError:
    """Say in one line what a person should know and do; never a secret, never a trace."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, _NO_CREDENTIALS):
        return CloudUnreachable(
            "There are no usable AWS credentials where the bot runs. "
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the bot's server an instance profile."
        )
    if isinstance(error, HTTPClientError | NoConnectionError):
        return CloudUnreachable(_no_answer(error))
    return CloudError(f"AWS could not be asked ({_one_line(str(error))}).")


def _refusal(error: ClientError) -> CloudError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    kind = _kind(code, status)
    message = str(error.response.get("Error", {}).get("Message", ""))
    # Where AWS lacks servers its words differ with every place, and say no more.
    told = message and not (kind is NoCapacity and code.startswith("Insufficient"))
    said = _one_line(f"{code}: {message}" if told else code)
    hint = _HINT if kind is CloudError and code.endswith(_WRONG_ID) else ""
    quota, service = _QUOTAS.get(code, _UNNAMED_QUOTA)
    values = {"quota": quota, "where": _CONSOLE.format(service)}
    return kind(_SENTENCES[kind].format(said=said, operation=error.operation_name, **values) + hint)


def _kind(code: str, status: int) -> type[CloudError]:
    named: tuple[tuple[frozenset[str], type[CloudError]], ...] = (
        (NO_CAPACITY, NoCapacity),
        (_THROTTLED, Throttled),
        (_DENIED, CloudDenied),
        (_NOT_THERE_YET, NotThereYet),
    )
    for codes, kind in named:
        if code in codes:
            return kind
    if code.endswith(("LimitExceeded", "QuotaExceeded")) or code.startswith("TooMany"):
        return QuotaReached
    return CloudUnreachable if status >= _SERVER_FAULT else CloudError


def _no_answer(error: HTTPClientError | NoConnectionError) -> str:
    where = urlsplit(str(error.kwargs.get("endpoint_url", "")))
    # Only host and port: the rest of an address may hold a password.
    host = f" at {where.hostname}{f':{where.port}' if where.port else ''}" if where.hostname else ""
    return (
        f"AWS does not answer{host} ({type(error).__name__}). Check the bot's network, then try again; "
        "`status` shows what really is."
    )


def _one_line(text: str) -> str:
    line = " ".join(text.partition("Encoded authorization failure message")[0].split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
