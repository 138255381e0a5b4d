"""What the local AWS answers when it refuses, as each service's protocol has it."""

import json
from xml.sax.saxutils import escape

SPEAK_JSON = frozenset({"kms", "servicequotas"})
REQUEST_ID = "1ab0c1ab-0c1a-4b0c-8ab0-c1ab0c1ab0c1"


class Refusal(Exception):
    """AWS refuses with a code and a status that moto has no exception for."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def refuse(service: str, code: str, message: str) -> str:
    """The body of an error: JSON, or XML as EC2 or as the query protocol has it."""
    if service in SPEAK_JSON:
        return json.dumps({"__type": code, "message": message})
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        return (
            f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
        )
    return (
        f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>"
        f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )
