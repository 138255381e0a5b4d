"""Carries a trial out: asks, approves, lets things go wrong, kills and restarts the bot, until the end."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from bot.domain.naming import request_id
from bot.lab.aws.calls import Call, Moment
from bot.lab.slack.sockets import BotSilentError
from bot.slack.views.card import APPROVE
from tests.patience import within
from tests.scenarios.adversity import AWS_TROUBLES, CLONE_TROUBLES, SLOWS
from tests.scenarios.trial import ANSWERED, Kill, Trial, Way
from tests.scenarios.visitor import ADA, BOB, CAT, CHANNEL, Visitor, read
from tests.scenarios.watcher import Sightings, query, watching

ENDS_WITHIN = within(60)
ENDS_WITHIN_AFTER_RESTART = within(120)
GLANCE = 0.05
PATIENT = 0.5
FAILED = "failed with the error"
DEAD = {"answered", "refused"}


@dataclass(slots=True)
class Story:
    """What happened in a trial."""

    trial: Trial
    seen: Sightings
    requests: tuple[str, ...] = ()
    """Ids of the requests."""
    began: float = 0.0
    rows: int = 0
    """How many rows the log had before."""
    calls: int = 0
    acknowledged: list[str] = field(default_factory=list)
    """Requests that Slack was told to have arrived."""
    struck: dict[str, str] = field(default_factory=dict)
    """Clones, and what is wrong with them."""
    killed: int = 0
    killed_at_work: bool = False
    repeated: int = 0
    """How often something came that had come before."""
    timed_out: list[str] = field(default_factory=list)


class Runner:
    """Carries out trials in one lab."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._lab = visitor.lab

    def run(self, trial: Trial) -> Story:
        """The whole trial but its verdict."""
        with watching(self._lab, master=self._lab.site.master) as seen, ExitStack() as stack:
            story = Story(trial, seen, began=time.time(), rows=self._rows(), calls=self._calls())
            stack.callback(self._lab.aws.faults.clear)
            stack.enter_context(self._sabotage(story))
            self._strike(trial)
            if trial.edited:
                self._visitor.edit(f"trial {trial.seed}")
            story.requests = tuple(request_id(trigger) for trigger in self._triggers(trial))
            killed = stack.enter_context(self._killing(story))
            self._ask(story)
            self._follow(story, killed)
        return story

    def recover(self, trial: Trial) -> None:
        """Let the bot forget that AWS was slow: it goes on asking slowly for a while."""
        if SLOWS in trial.troubles:
            self._lab.stop_bot()
            self._lab.start_bot()

    def _rows(self) -> int:
        return int(query(self._lab, "SELECT coalesce(max(seq), 0) FROM audit")[0][0])

    def _calls(self) -> int:
        known = self._lab.aws.calls.all()
        return known[-1].number if known else 0

    # -- asking

    def _triggers(self, trial: Trial) -> tuple[str, ...]:
        return tuple(f"{trial.seed}.{number}.{id(self._lab)}" for number, _ in enumerate(trial.targets))

    def _ask(self, story: Story) -> None:
        """All of them at once; one that is delivered three times, one after the other."""
        numbers = range(len(story.trial.targets))
        asking = [threading.Thread(target=self._type, args=(story, number)) for number in numbers]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        if story.trial.way is Way.THRICE:
            story.repeated += 2
            self._type(story, 0)
            self._type(story, 0)

    def _type(self, story: Story, number: int) -> None:
        trial, who, trigger = story.trial, (BOB, CAT)[number], self._triggers(story.trial)[number]
        text = f"scale web {trial.targets[number]}"
        text += " --discard" if trial.targets[number] < trial.start else ""
        before = self._unheard(who)
        self._lab.slack.command(who, CHANNEL, text, trigger_id=trigger)
        if self._unheard(who) == before:
            story.acknowledged.append(request_id(trigger))

    def _unheard(self, who: str) -> int:
        """How often Slack told them that the bot did not answer."""
        return sum(FAILED in read(message) for message in self._visitor.answers(who))

    # -- following

    def _follow(self, story: Story, killed: threading.Event) -> None:
        """Until every request came to an end: restart what was killed, ask again, approve."""
        due, pressed = time.monotonic() + ENDS_WITHIN, 0.0
        while not all(self._is_settled(each) for each in story.requests) or killed.is_set():
            if killed.is_set():
                killed.clear()
                self._lab.start_bot()
                self._ask_again(story)
                due = time.monotonic() + ENDS_WITHIN_AFTER_RESTART
            if time.monotonic() > due:
                story.timed_out = [each for each in story.requests if not self._is_settled(each)]
                return
            if time.monotonic() > pressed + PATIENT and self._approve(story):
                pressed = time.monotonic()
            time.sleep(GLANCE)

    def _ask_again(self, story: Story) -> None:
        for number, request in enumerate(story.requests):
            if not self._kinds(request):
                story.repeated += 1
                self._type(story, number)

    def _kinds(self, request: str) -> set[str]:
        rows = query(self._lab, "SELECT DISTINCT kind FROM audit WHERE operation = ?", request)
        return {kind for (kind,) in rows}

    def _stage(self, request: str) -> str:
        sql = "SELECT json_extract(state, '$.stage') FROM operations WHERE id = ?"
        return str((query(self._lab, sql, request) or [("",)])[0][0])

    def _is_settled(self, request: str) -> bool:
        stage = self._stage(request)
        if stage:
            return stage not in {"awaiting approval", "waiting for its turn", "running"}
        return bool(self._kinds(request) & DEAD)

    def _approve(self, story: Story) -> bool:
        """Press Approve wherever it is waited for; whether anybody did."""
        waiting = [each for each in story.requests if self._stage(each) == "awaiting approval"]
        for request in waiting:
            cards = self._visitor.cards(request)
            if cards:
                self._press(story, cards[-1].ts)
        return bool(waiting)

    def _press(self, story: Story, card: str) -> None:
        people = {Way.TEN_CLICKS: [ADA] * 10, Way.TWO_APPROVERS: [ADA, CAT]}.get(story.trial.way, [ADA])
        story.repeated += len(people) - 1
        pressing = [threading.Thread(target=self._click, args=(who, card)) for who in people]
        for thread in pressing:
            thread.start()
        for thread in pressing:
            thread.join()

    def _click(self, who: str, card: str) -> None:
        with suppress(LookupError, BotSilentError):
            self._lab.slack.click(who, CHANNEL, card, APPROVE)

    # -- what goes wrong

    def _strike(self, trial: Trial) -> None:
        dice = random.Random(f"troubles of {trial.seed}")
        for name in trial.troubles:
            AWS_TROUBLES[name](self._lab.aws.faults, dice, self._lab.site.subnets)

    @contextmanager
    def _sabotage(self, story: Story) -> Iterator[None]:
        """Spoil new clones, each once it has booted: when the bot first asks for its console."""
        left, turn = list(story.trial.sabotage), threading.Lock()
        known = set(self._visitor.clones()) | {self._lab.site.master}

        def strike(call: Call, moment: Moment) -> None:
            if call.action != "GetConsoleOutput" or moment is not Moment.BEFORE:
                return
            clone = call.parameters.get("InstanceId", "")
            with turn:
                booted = (self._lab.folder / "hosts" / clone / "console.log").exists()
                if left and booted and clone not in known and clone not in story.struck:
                    story.struck[clone] = left.pop(0)
                    CLONE_TROUBLES[story.struck[clone]](self._lab, clone)

        forget = self._lab.aws.calls.on_call(strike)
        try:
            yield
        finally:
            forget()

    # -- killing

    @contextmanager
    def _killing(self, story: Story) -> Iterator[threading.Event]:
        """Kill the bot when the trial says so; the event is set once that is done."""
        killed, over, kill = threading.Event(), threading.Event(), story.trial.kill
        if kill is None:
            yield killed
            return
        lock = threading.Lock()

        def strike() -> None:
            with lock:
                if not story.killed and not over.is_set():
                    story.killed_at_work = not all(self._is_settled(each) for each in story.requests)
                    self._lab.kill_bot()
                    story.killed += 1
                    killed.set()

        listening, happened = self._boundary(story, kill, strike)
        forget = self._lab.aws.calls.on_call(listening)
        watcher = threading.Thread(target=_poll, args=(happened, strike, over))
        watcher.start()
        try:
            yield killed
        finally:
            forget()
            with lock:
                over.set()
            watcher.join()
            if killed.is_set():
                self._lab.start_bot()

    def _boundary(
        self, story: Story, kill: Kill, strike: Callable[[], None]
    ) -> tuple[Callable[[Call, Moment], None], Callable[[], bool]]:
        """What to do at each call, and what to look for all the time."""
        seen = set[int]()

        def on_call(call: Call, moment: Moment) -> None:
            if call.action == kill.call and kill.moment == moment:
                seen.add(call.number)
                if len(seen) == kill.nth:
                    strike()

        def happened() -> bool:
            if kill.row:
                sql = "SELECT count(*) FROM audit WHERE kind = ? AND seq > ?"
                return int(query(self._lab, sql, kill.row, story.rows)[0][0]) >= kill.nth
            if kill.moment == ANSWERED:
                calls = [c for c in self._lab.aws.calls.of(kill.call) if c.number > story.calls]
                return sum(call.answered_at is not None for call in calls) >= kill.nth
            return bool(kill.seconds) and time.time() > story.began + kill.seconds

        return on_call, happened


def _poll(happened: Callable[[], bool], strike: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(0.003):
        if happened():
            strike()
            return
