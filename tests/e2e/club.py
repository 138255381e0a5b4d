"""The club's site on a Debian master and its clones, and ways to look at each server."""

import urllib.request
import uuid

from bot.lab.lab import Lab
from tests.e2e.debian import Debian
from tests.scenarios.account import things
from tests.scenarios.visitor import CHANNEL, Visitor, get, read


class Club:
    """The club's site on a master and its clones, and ways to look at each server."""

    def __init__(self, lab: Lab, place: Debian) -> None:
        self.lab = lab
        self.hosts = place.hosts
        self.stack = place.stack
        self.visitor = Visitor(lab)
        self.master = lab.site.master
        self.uploads = f"{self.stack.content}/uploads"
        self.alone = things(lab)
        """What there was in the account before it was adopted."""

    @property
    def url(self) -> str:
        """Where visitors find the site once it is behind a load balancer."""
        (balancer,) = things(self.lab)["balancers"]
        return f"http://{balancer}"

    @property
    def clones(self) -> list[str]:
        return self.visitor.serving()

    @property
    def all(self) -> tuple[str, ...]:
        return (self.master, *self.clones)

    def says(self, server: str, command: str) -> str:
        """What a command run by root on this server prints; it may fail."""
        return self.hosts.shell(server, f"{command} || :").strip()

    def address(self, server: str) -> str:
        """Where a server is."""
        found = self.lab.client("ec2").describe_instances(InstanceIds=[server])["Reservations"]
        return str(found[0]["Instances"][0]["PrivateIpAddress"])

    def bills(self) -> list[str]:
        """Who sent each bill that was ever sent, as the master's database has it."""
        return self.says(self.master, self.stack.bills).split()

    def page(self, server: str, path: str = "/") -> str:
        """A page from one server, past the load balancer."""
        status, body = get(f"http://{self.address(server)}{path}")
        assert status == 200
        return body.decode()

    def write(self, text: str) -> str:
        """Write into the guestbook through the load balancer."""
        return self._post("/guestbook", f"name=Eve&text={text}".encode(), "application/x-www-form-urlencoded")

    def upload(self, name: str, content: str) -> str:
        """Upload a file through the load balancer."""
        mark = uuid.uuid4().hex
        head = f'Content-Disposition: form-data; name="photo"; filename="{name}"'
        body = f"--{mark}\r\n{head}\r\n\r\n{content}\r\n--{mark}--\r\n"
        return self._post("/upload", body.encode(), f"multipart/form-data; boundary={mark}")

    def newest_report(self) -> tuple[str, str]:
        """The doctor's newest card in the channel, and its whole report, as the file in the thread has it."""
        board = self.lab.slack
        *_, (card, file) = (
            (read(message), file)
            for message in board.messages(CHANNEL)
            for reply in board.messages(CHANNEL, thread=message.ts)
            for file in reply.files
        )
        return card, (board.file(file["id"]) or b"").decode()

    def _post(self, page: str, body: bytes, kind: str) -> str:
        url = f"{self.url}{page}{self.stack.suffix}"
        request = urllib.request.Request(url, body, {"Content-Type": kind}, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            said: bytes = answer.read()
        return said.decode()
