"""What can go wrong, in words for the person who asked.

BotError                    its text says what is wrong and what to type next
├── UsageError              what was typed cannot be understood
├── NotAllowed              the policy says no, or not you
├── Conflict                somebody decided before, or the world moved on
├── Cancelled               somebody cancelled the operation while it waited for something
├── ConfigError             the fleet file or the environment is wrong
├── AddressTaken            the address to serve at cannot be used just now
├── RecordsError            the audit log cannot be written or read
├── ChatError               Slack refused
│   └── ChatUnavailable     Slack did not answer, or asks us to slow down: later it may take it
├── CloudError              AWS refused, in our words
│   ├── NoCapacity          AWS has no such server to give just now
│   ├── Throttled           too many requests
│   ├── QuotaReached        the account's limit
│   ├── CloudDenied         our credentials may not do this
│   ├── NotThereYet         AWS does not know yet what it has just made
│   └── CloudUnreachable    no answer
└── ServerError             a server, over SSH
    ├── ServerUnreachable   no connection, or it hangs
    ├── HostKeyMismatch     it is not the server we expect
    ├── RemoteFailed        a command on it failed
    └── UnsafeSource        the master's content must not be copied as it is
"""


class BotError(Exception):
    """An error whose text is meant for people: what is wrong, what it means, what to type."""


class UsageError(BotError):
    """What was typed cannot be understood."""


class NotAllowed(BotError):
    """The policy says no."""


class Conflict(BotError):
    """The thing asked for is not possible any more: decided, changed or gone."""


class Cancelled(BotError):
    """Somebody cancelled the operation while it waited for something."""


class ConfigError(BotError):
    """The fleet file or the environment is wrong."""


class AddressTaken(BotError):
    """Somebody else listens there, or this machine does not have the address (yet)."""


class RecordsError(BotError):
    """The audit log cannot be written or read."""


class ChatError(BotError):
    """Slack refused."""


class ChatUnavailable(ChatError):
    """Slack does not take it just now; later it may."""


class CloudError(BotError):
    """AWS refused."""


class NoCapacity(CloudError):
    """AWS has no server of this type to give in this subnet just now."""


class Throttled(CloudError):
    """AWS asks us to slow down."""


class QuotaReached(CloudError):
    """A limit of the account."""


class CloudDenied(CloudError):
    """Our credentials may not do this."""


class NotThereYet(CloudError):
    """AWS does not know yet what it has just made."""


class CloudUnreachable(CloudError):
    """AWS did not answer."""


class ServerError(BotError):
    """A server failed us over SSH."""


class ServerUnreachable(ServerError):
    """No connection within the time allowed."""


class HostKeyMismatch(ServerError):
    """The server's host key is not the pinned one; nothing was run on it."""


class RemoteFailed(ServerError):
    """A command on the server failed."""


class UnsafeSource(ServerError):
    """The master's content must not be copied as it is: missing, empty or unreadable."""
