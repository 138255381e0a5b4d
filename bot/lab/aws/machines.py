"""Lets every instance have a real host: its states follow what the host does."""

import gzip
import logging
import threading
import time
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from moto.ec2.models.amis import Ami
from moto.ec2.models.instances import Instance

from bot.lab.aws.faults import Doom, Fate
from bot.lab.aws.hosts import Delays, Hosts

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
WORKERS = 24
BOOTS_AT_ONCE = 4
_PACKED = b"\x1f\x8b"

log = logging.getLogger(__name__)


class Machines:
    """Carries out on hosts what moto only notes. `guard` protects moto's state."""

    def __init__(self, hosts: Hosts, delays: Delays, guard: threading.RLock) -> None:
        self._hosts = hosts
        self._delays = delays
        self._guard = guard
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="instances")
        self._closing = threading.Event()
        self._booting = threading.Semaphore(BOOTS_AT_ONCE)
        self._lanes: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._with_disk: set[str] = set()
        self._images: set[str] = set()
        self._copying: set[str] = set()

    def launch(self, instance: Instance, doom: Doom | None = None) -> None:
        """Give a new instance its host and boot it, unless it is not to boot."""
        self._enter(instance, "pending")
        if doom is None:
            self._work(instance, partial(self._launch, instance))
        elif doom.fate is not Fate.PENDING:
            self._work(instance, partial(self._miscarry, instance, doom))

    def start(self, instance: Instance) -> None:
        """Boot a stopped instance's host."""
        self._enter(instance, "pending")
        self._work(instance, partial(self._start, instance))

    def stop(self, instance: Instance) -> None:
        """Shut a host down, keeping its disk."""
        self._enter(instance, "stopping")
        self._work(instance, partial(self._stop, instance))

    def reboot(self, instance: Instance) -> None:
        """Shut a host down and boot it again; the instance stays running."""
        self._work(instance, partial(self._reboot, instance))

    def terminate(self, instance: Instance) -> None:
        """Shut a host down and delete its disk."""
        self._enter(instance, "shutting-down")
        self._work(instance, partial(self._terminate, instance))

    def image(self, image: Ami, instance: Instance, *, reboot: bool) -> None:
        """Copy a host's disk as an image, which is pending until then."""
        image.state = "pending"
        self._copying.add(image.id)
        job = self._pool.submit(self._image, image, instance, reboot=reboot)
        job.add_done_callback(partial(self._note_image_failure, image))

    def is_copied(self, image: str) -> bool:
        """Whether an image's copy holds all that it ever will."""
        return image not in self._copying

    def delete_image(self, image: str) -> None:
        """Delete the copy of a deregistered image."""
        if image in self._images:
            self._images.discard(image)
            self._pool.submit(self._hosts.delete_image, image)

    def console_output(self, instance: str) -> str:
        """What the host printed; empty while there is none."""
        return self._hosts.console_output(instance) if instance in self._with_disk else ""

    def close(self) -> None:
        """Finish what is under way; start nothing more."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _launch(self, instance: Instance) -> None:
        due = time.monotonic() + self._delays.pending
        with self._lanes[instance.id]:
            if instance.state != "pending":
                return
            with self._booting:
                self._make_disk(instance)
                self._hosts.boot(instance.id)
        self._settle(instance, "pending", "running", due)

    def _miscarry(self, instance: Instance, doom: Doom) -> None:
        due = time.monotonic() + self._delays.pending
        if doom.fate is Fate.SILENT:
            self._settle(instance, "pending", "running", due)
            return
        self._wait_until(due)
        with self._guard:
            instance.state_reason.code = doom.reason.partition(":")[0]
            instance.state_reason.message = doom.reason
            self._enter(instance, "terminated")

    def _make_disk(self, instance: Instance) -> None:
        address = str(instance.private_ip)
        if instance.image_id in self._images:
            self._hosts.clone_disk(instance.id, address, instance.image_id, _user_data(instance))
        else:
            self._hosts.create(instance.id, address)
        self._with_disk.add(instance.id)

    def _start(self, instance: Instance) -> None:
        due = time.monotonic() + self._delays.pending
        with self._lanes[instance.id], self._booting:
            if instance.state == "pending":
                self._hosts.boot(instance.id)
        self._settle(instance, "pending", "running", due)

    def _stop(self, instance: Instance) -> None:
        due = time.monotonic() + self._delays.stopping
        with self._lanes[instance.id]:
            if instance.state == "stopping":
                self._hosts.shut_down(instance.id)
        self._settle(instance, "stopping", "stopped", due)

    def _reboot(self, instance: Instance) -> None:
        with self._lanes[instance.id]:
            if instance.state == "running":
                self._hosts.shut_down(instance.id)
                self._hosts.boot(instance.id)

    def _terminate(self, instance: Instance) -> None:
        due = time.monotonic() + self._delays.shutting_down
        with self._lanes[instance.id]:
            if instance.id in self._with_disk:
                self._with_disk.discard(instance.id)
                self._hosts.destroy(instance.id)
        self._settle(instance, "shutting-down", "terminated", due)

    def _image(self, image: Ami, instance: Instance, *, reboot: bool) -> None:
        due = time.monotonic() + self._delays.image
        with self._lanes[instance.id]:
            boots_again = reboot and instance.state == "running"
            if boots_again:
                self._hosts.shut_down(instance.id)
            self._hosts.snapshot(instance.id, image.id)
            self._copying.discard(image.id)
            if boots_again:
                self._hosts.boot(instance.id)
        self._images.add(image.id)
        self._wait_until(due)
        with self._guard:
            image.state = "available"

    def _enter(self, instance: Instance, state: str) -> None:
        with self._guard:
            instance.instance_state.name = state
            instance.instance_state.code = CODES[state]

    def _settle(self, instance: Instance, expected: str, state: str, due: float) -> None:
        self._wait_until(due)
        with self._guard:
            if instance.state == expected:
                self._enter(instance, state)

    def _wait_until(self, due: float) -> None:
        self._closing.wait(max(0.0, due - time.monotonic()))

    def _work(self, instance: Instance, job: Callable[[], None]) -> None:
        self._pool.submit(job).add_done_callback(partial(self._note_failure, instance))

    def _note_failure(self, instance: Instance, job: Future[None]) -> None:
        if job.cancelled() or not (error := job.exception()):
            return
        log.error("the host of %s failed", instance.id, exc_info=error)
        with self._guard:
            instance.state_reason.code = "Server.InternalError"
            instance.state_reason.message = "Server.InternalError: the host failed"
            self._enter(instance, "terminated")

    def _note_image_failure(self, image: Ami, job: Future[None]) -> None:
        if job.cancelled() or not (error := job.exception()):
            return
        log.error("the image %s failed", image.id, exc_info=error)
        with self._guard:
            image.state = "failed"


def _user_data(instance: Instance) -> str:
    """As cloud-init takes it: packed or not."""
    data = b64decode(instance.user_data.as_bytes()) if instance.user_data else b""
    return (gzip.decompress(data) if data.startswith(_PACKED) else data).decode()
