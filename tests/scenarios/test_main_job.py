"""The main job, as its users do it: typed in Slack, approved with a button, seen from outside."""

import time

from bot.domain.naming import request_id
from bot.domain.operation import Stage
from tests.scenarios.visitor import ADA, BOB, CHANNEL, EVE, Visitor, get, read


def test_four_clones_serve_once_the_lead_has_approved(visitor: Visitor) -> None:
    operation = visitor.open("scale 4")
    assert visitor.operation(operation).stage is Stage.AWAITING_APPROVAL
    assert not visitor.clones()

    visitor.press(operation)

    ended = visitor.end_of(operation)
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 4 of 4 clones serve.")
    assert len(visitor.serving()) == 4
    visitor.assert_audit_is_complete()


def test_every_clone_serves_the_masters_pages_and_its_guestbook(visitor: Visitor) -> None:
    visitor.post("/guestbook", b"name=Eve&text=hello+from+the+test")
    visitor.scale(3)

    for clone in visitor.serving():
        _, page = visitor.fetch(clone, "/guestbook")
        assert b"hello from the test" in page
        status, _ = visitor.fetch(clone, "/healthz")
        assert status == 200


def test_what_is_uploaded_and_written_while_clones_start_is_on_the_master_and_on_every_clone(
    visitor: Visitor,
) -> None:
    operation = visitor.open("scale 3")
    visitor.press(operation)
    uploaded: dict[str, float] = {}
    while not visitor.operation(operation).stage.ended:
        name = f"photo-{len(uploaded)}.txt"
        visitor.upload(name, name.encode())
        visitor.post("/guestbook", f"name=Ann&text=about-{name}".encode())
        uploaded[name] = time.time()
        time.sleep(0.05)

    assert visitor.end_of(operation).stage is Stage.DONE
    last_copy = visitor.began(operation, "let %")
    before_it = [name for name, when in uploaded.items() if when < last_copy]
    assert len(before_it) > 10
    for server in (visitor.lab.site.master, *visitor.serving()):
        _, book = visitor.fetch(server, "/guestbook")
        assert f"about-{list(uploaded)[-1]}".encode() in book
        for name in (*before_it[::10], before_it[-1]):
            assert visitor.fetch(server, f"/uploads/{name}") == (200, name.encode())
    master = visitor.lab.hosts.disk(visitor.lab.site.master) / "var/www/html/uploads"
    assert {name for name in uploaded if not (master / name).exists()} == set()


def test_writes_through_the_load_balancer_reach_only_the_master(visitor: Visitor) -> None:
    visitor.scale(2)

    for number in range(20):
        visitor.upload(f"only-master-{number}.txt", b"x")

    uploads = [visitor.lab.hosts.disk(clone) / "var/www/html/uploads" for clone in visitor.serving()]
    assert len(uploads) == 2
    assert not [file for folder in uploads for file in folder.glob("only-master-*")]


def test_a_clones_own_database_does_not_run_and_it_is_not_its_masters_double(visitor: Visitor) -> None:
    visitor.scale(2)
    disks = [visitor.lab.hosts.disk(name) for name in (visitor.lab.site.master, *visitor.serving())]

    identities = {(disk / "etc/machine-id").read_text() for disk in disks}
    names = {(disk / "etc/hostname").read_text() for disk in disks}

    assert len(identities) == len(names) == 3
    for clone in visitor.serving():
        address = visitor.clones()[clone]["PrivateIpAddress"]
        assert _refuses(address, 3307)


def test_scaling_in_keeps_the_number_asked_for_and_the_master(visitor: Visitor) -> None:
    visitor.scale(3)

    ended = visitor.scale(1)

    assert (ended.stage, ended.result) == (Stage.DONE, "web: 1 clone left.")
    assert len(visitor.serving()) == len(visitor.clones()) == 1
    assert visitor.fetch(visitor.lab.site.master, "/healthz")[0] == 200
    visitor.assert_audit_is_complete()


def test_a_clone_with_a_file_that_the_master_lacks_stays_until_it_may_be_lost(visitor: Visitor) -> None:
    visitor.scale(1)
    (clone,) = visitor.serving()
    stray = visitor.lab.hosts.disk(clone) / "var/www/html/uploads/only here.txt"
    stray.write_text("the only copy")

    ended = visitor.scale(0)

    assert ended.stage is Stage.FAILED
    assert "/var/www/html/uploads/only here.txt" in ended.result
    assert "`/clone scale web 0 --discard`" in ended.result
    assert visitor.serving() == [clone]
    assert visitor.end_of(visitor.open("scale web 0 --discard")).stage is Stage.DONE
    assert not visitor.clones()


def test_two_requests_at_once_go_one_after_the_other_and_the_later_says_behind_whom(
    visitor: Visitor,
) -> None:
    first, second = (request_id(visitor.ask(text)) for text in ("scale web 2", "scale web 1"))

    visitor.until(lambda: visitor.knows(first) and visitor.knows(second), "one is not known")
    visitor.until(
        lambda: (
            f"`{first}` (scale web 2" in visitor.operation(second).behind
            or f"`{second}` (scale web 1" in visitor.operation(first).behind
        ),
        "neither waits for the other",
    )
    assert visitor.end_of(first).stage is Stage.DONE
    assert visitor.end_of(second).stage is Stage.DONE
    started = "SELECT max(seq) FROM audit WHERE kind = 'started' AND operation = ?"
    ended = "SELECT max(seq) FROM audit WHERE kind = 'finished' AND operation = ?"
    spans = {
        each: (visitor.audit(started, each)[0][0], visitor.audit(ended, each)[0][0])
        for each in (first, second)
    }
    earlier, later = sorted(spans, key=lambda each: spans[each])
    assert spans[earlier][1] < spans[later][0]
    assert len(visitor.serving()) == visitor.operation(later).plan.after


def test_the_same_delivery_three_times_is_one_operation(visitor: Visitor) -> None:
    trigger = visitor.ask("scale web 1")
    for _ in range(2):
        visitor.lab.slack.command(BOB, CHANNEL, "scale web 1", trigger_id=trigger)

    visitor.until(lambda: len(visitor.serving()) == 1, "the clone does not serve")
    requests = "SELECT count(*) FROM audit WHERE kind = 'requested' AND operation = ?"
    assert visitor.audit(requests, request_id(trigger)) == [(1,)]
    assert len(visitor.clones()) == len(visitor.ever_launched(request_id(trigger))) == 1


def test_ten_quick_clicks_approve_once_and_the_buttons_go(visitor: Visitor) -> None:
    operation = visitor.open("scale web 3")
    card = visitor.card(operation)
    for _ in range(10):
        visitor.lab.slack.click(ADA, CHANNEL, card.ts, "operation.approve")
        if "Approve" not in read(visitor.card(operation)):
            break

    assert visitor.end_of(operation).stage is Stage.DONE
    assert len(visitor.ever_launched(operation)) == 3
    assert len(visitor.cards(operation)) == 1
    visitor.until(lambda: "Approve" not in read(visitor.card(operation)), "the buttons stay")
    approvals = visitor.audit(
        "SELECT count(*) FROM audit WHERE kind = 'approved' AND operation = ?", operation
    )
    assert approvals == [(1,)]


def test_a_denied_plan_does_nothing_and_says_who_denied_it(visitor: Visitor) -> None:
    operation = visitor.open("scale web 4")

    visitor.hear(f"deny {operation} not before the budget meeting", user=ADA)

    ended = visitor.end_of(operation)
    assert (ended.stage, ended.denied_by) == (Stage.DENIED, f"T0LAB/{ADA}")
    visitor.shows(operation, "not before the budget meeting")
    assert not visitor.clones()


def test_the_requester_cannot_approve_and_neither_can_a_colleague_without_the_role(visitor: Visitor) -> None:
    operation = visitor.open("scale web 4")

    assert "approver" in visitor.hear(f"approve {operation}", user=BOB)
    assert "approver" in visitor.hear(f"approve {operation}", user=EVE)

    assert visitor.operation(operation).stage is Stage.AWAITING_APPROVAL
    visitor.deny(operation)
    visitor.end_of(operation)


def test_a_plan_whose_world_changed_after_approval_is_asked_about_again(visitor: Visitor) -> None:
    waiting = visitor.open("scale web 4")
    assert visitor.scale(1).stage is Stage.DONE

    visitor.press(waiting)

    visitor.until(lambda: visitor.operation(waiting).plan.before == 1, "no new plan was made")
    assert visitor.operation(waiting).stage is Stage.AWAITING_APPROVAL
    assert len(visitor.clones()) == 1
    visitor.ask(f"approve {waiting}", user=ADA)
    assert visitor.end_of(waiting).stage is Stage.DONE
    assert len(visitor.serving()) == 4
    assert len(visitor.ever_launched(waiting)) == 3


def test_the_page_shows_the_site_too(visitor: Visitor) -> None:
    status, page = get(f"{visitor.lab.slack.url}/site/")

    assert status == 200
    assert b"guestbook" in page.lower()


def _refuses(address: str, port: int) -> bool:
    import socket  # noqa: PLC0415 (only here)

    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) != 0
