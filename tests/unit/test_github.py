"""Comments and issues on GitHub, when everything works and when nothing does. Only time is replaced."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from fake_github import BOT, LONGEST, Failure, GitHub
from harness import NOW, FakeClock
from local_server import LocalServer, SilentHandler

from reconciler.core.fault import ReconcilerError
from reconciler.core.runtime import Runtime
from reconciler.github import api as github_api
from reconciler.github.api import UNSAID, Api, stamp
from reconciler.github.comments import Comments
from reconciler.github.errors import GitHubError
from reconciler.github.issues import Found, report
from reconciler.github.merged import Awaited, awaited, tell_applied, tell_ended, untold
from reconciler.github.text import LIMIT, cut, first_line, marker_of, outdated, state_of

PLAN = "<!-- reconciler:plan:acme -->"


@pytest.fixture
def github(clock: FakeClock) -> Iterator[GitHub]:
    with GitHub(lambda: stamp(clock.now())) as service:
        yield service


@pytest.fixture
def comments(github: GitHub, clock: FakeClock) -> Comments:
    return Comments(Api("acme/models", github.token, Runtime(clock, random.Random(1)), url=github.url))


def test_a_comment_is_written_once_and_then_brought_up_to_date(github: GitHub, comments: Comments) -> None:
    comments.write(7, f"{PLAN}\n\none")
    comments.write(7, f"{PLAN}\n\ntwo")
    comments.write(8, f"{PLAN}\n\nother")
    comments.write(7, "<!-- reconciler:plan:prod -->\n\nanother account")
    assert github.bodies(7) == [f"{PLAN}\r\n\r\ntwo", "<!-- reconciler:plan:prod -->\r\n\r\nanother account"]
    asked = len(github.writes())
    comments.write(7, f"{PLAN}\n\ntwo")
    assert len(github.writes()) == asked, "what is the same is not written again"


def test_a_marker_that_somebody_else_wrote_is_not_ours(github: GitHub, comments: Comments) -> None:
    github.say(7, f"{PLAN}\n\nmine", "mallory")
    comments.write(7, f"{PLAN}\n\nours")
    assert [(one["user"]["login"], one["body"].split()[-1]) for one in github.comments] == [
        ("mallory", "mine"),
        (BOT, "ours"),
    ]


def test_two_comments_of_two_runs_at_once_become_one(github: GitHub, comments: Comments) -> None:
    for word in ("one", "two"):
        github.say(7, f"{PLAN}\n\n{word}", BOT)
    comments.write(7, f"{PLAN}\n\nthree")
    assert [body.split()[-1] for body in github.bodies(7)] == ["three"]


def test_a_comment_beyond_the_first_page_is_found(github: GitHub, comments: Comments) -> None:
    for number in range(130):
        github.say(7, f"chatter {number}", "ann")
    github.say(7, f"{PLAN}\n\none", BOT)
    comments.write(7, f"{PLAN}\n\ntwo")
    assert len(github.bodies(7)) == 1


HALFWAY = (
    (Failure("POST", "comments", 502, after=True), "it was written, and the answer was lost"),
    (Failure("POST", "comments", 502), "it was not written"),
    (Failure("POST", "comments", None, after=True), "the connection broke after it was written"),
    (Failure("GET", "comments", 503, times=3), "the list could not be read for a while"),
    (Failure("GET", "comments", 200, body="<html>"), "something else answered"),
    (Failure("POST", "comments", 403, headers={"retry-after": "61"}), "too many at once: GitHub says when to come back"),
    (Failure("POST", "comments", 429, times=2), "too many, and it does not say when"),
    (Failure("GET", "comments", 200, body='{"message": "busy"}'), "an answer that is no list"),
)  # fmt: skip


@pytest.mark.parametrize(("failure", "reason"), HALFWAY, ids=[reason for _, reason in HALFWAY])
def test_a_failure_halfway_loses_no_comment_and_makes_no_second_one(
    github: GitHub, comments: Comments, clock: FakeClock, failure: Failure, reason: str
) -> None:
    del reason
    github.failures.append(failure)
    before = clock.now()
    comments.write(7, f"{PLAN}\n\none")
    assert [body.split()[-1] for body in github.bodies(7)] == ["one"]
    unsaid = 2 * UNSAID if failure.status == 429 else 0
    waited = float(failure.headers.get("retry-after", unsaid))
    assert clock.now() - before >= waited
    assert not github.failures


def test_a_comment_that_is_deleted_between_look_and_change_is_written_anew(github: GitHub, comments: Comments) -> None:
    comment = github.say(7, f"{PLAN}\n\none", BOT)
    github.failures.append(Failure("PATCH", "comments", 404))
    comments.write(7, f"{PLAN}\n\ntwo")
    assert comment["body"].endswith("two")


ENDS = (
    (403, {}, "github-refused", "pull-requests: write"),
    (404, {}, "github-refused", "does not exist"),
    (422, {}, "github-refused", ""),
    (500, {}, "github-refused", "Run the job again"),
    (302, {"location": "https://evil.test/"}, "github-refused", "another address"),
    (410, {}, "github-refused", "Issues are turned off"),
    (403, {"retry-after": "200"}, "github-refused", "Run the job again"),
    (429, {}, "github-refused", "Run the job again"),
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW) + 3600)}, "github-refused", "Run the job again"),
)  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "code", "remedy"), ENDS)
def test_what_does_not_pass_is_said_with_the_way_out(
    github: GitHub, comments: Comments, clock: FakeClock, status: int, headers: dict[str, str], code: str, remedy: str
) -> None:
    echo = json.dumps({"message": f"told to fail, {'x' * 270} Bearer {github.token}"})
    github.failures.append(Failure("GET", "comments", status, times=100, headers=headers, body=echo))
    before = clock.now()
    with pytest.raises(GitHubError) as caught:
        comments.write(7, f"{PLAN}\n\none")
    assert caught.value.faults[0].code == code
    assert remedy in caught.value.faults[0].remedy
    assert github.token not in str(caught.value.faults)
    assert clock.now() - before < 900, "nobody pays a runner to wait for an hour"


def test_a_second_page_that_fails_makes_no_second_comment(github: GitHub, comments: Comments) -> None:
    for number in range(130):
        github.say(7, f"chatter {number}", "ann")
    github.say(7, f"{PLAN}\n\none", BOT)
    github.failures.append(Failure("GET", "comments", 502, times=8, page=2))
    comments.write(7, f"{PLAN}\n\ntwo")
    assert [body.split()[-1] for body in github.bodies(7)] == ["two"]


@pytest.mark.parametrize("wrong", [-7200, 0, 7200])
def test_a_limit_is_waited_for_by_the_clock_of_github(
    github: GitHub, comments: Comments, clock: FakeClock, wrong: int
) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(clock.now() + wrong))
    reset = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(clock.now()) + wrong + 90), "date": date}
    github.failures.append(Failure("GET", "comments", 403, headers=reset))
    before = clock.now()
    comments.write(7, f"{PLAN}\n\none")
    assert 89 <= clock.now() - before <= 91
    assert len(github.bodies(7)) == 1


def test_an_answer_that_drips_is_not_waited_for(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dripping(SilentHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with suppress(OSError):
                for _ in range(500):
                    self.wfile.write(b" ")
                    time.sleep(0.02)
            self.close_connection = True

    monkeypatch.setattr(github_api, "_LONGEST", 0.2)
    with LocalServer(Dripping) as server:
        api = Api("acme/models", "t0ken", Runtime(clock, random.Random(1)), url=server.url)
        began = time.monotonic()
        with pytest.raises(GitHubError, match="does not end"):
            api.create_once("issues", {})
        assert time.monotonic() - began < 5


def test_a_wrong_token_and_an_unsafe_address(github: GitHub, clock: FakeClock) -> None:
    wrong = Comments(Api("acme/models", "other", Runtime(clock), url=github.url))
    with pytest.raises(GitHubError) as caught:
        wrong.write(7, f"{PLAN}\n\none")
    assert "GITHUB_TOKEN" in caught.value.faults[0].remedy
    for repository, url in (("acme/models", "http://evil.test"), ("acme", github.url), ("a/b/c", github.url)):
        with pytest.raises(ReconcilerError):
            Api(repository, "t", Runtime(clock), url=url)


def test_a_body_is_cut_where_github_would_refuse_it(github: GitHub, comments: Comments) -> None:
    lines = "\n".join(f"line {number} 😀" for number in range(9000))
    comments.write(7, f"{PLAN}\n\n<details>\n\n```text\n{lines}\n```\n\n</details>")
    (body,) = github.bodies(7)
    assert len(body.replace("\r\n", "\n").encode("utf-16-le")) // 2 <= LIMIT < LONGEST
    tail = body.replace("\r\n", "\n").splitlines()[-4:]
    assert tail == ["```", "</details>", "", "*The rest is left out for length: the log of the job has all of it*"]
    assert cut("short", "x") == "short"


def test_an_outdated_plan_says_so_once(github: GitHub, comments: Comments) -> None:
    comments.write(7, f"{PLAN}\n\n### Plan\n\nbody")
    assert comments.outdate(7, "reconciler:plan", "Not of abc.") == 1
    assert comments.outdate(7, "reconciler:plan", "Not of def.") == 1
    (body,) = github.bodies(7)
    assert body.count("[!WARNING]") == 1
    assert "Not of def." in body
    assert body.replace("\r\n", "\n").endswith("### Plan\n\nbody")
    comments.write(7, f"{PLAN}\n\nnew")
    assert "[!WARNING]" not in github.bodies(7)[0]
    assert outdated("one line", "x").startswith("one line\n")


@pytest.mark.parametrize("value", ["a-->b", "--!>", "\u2028", 'quote " and \\'])
def test_nothing_ends_the_invisible_line(value: str) -> None:
    line = first_line("reconciler:apply:acme", {"jobs": {value: value}})
    assert line.count("-->") == 1
    assert "\n" not in line
    assert marker_of(line) == "reconciler:apply:acme"
    assert state_of(line) == {"jobs": {value: value}}


def test_an_invisible_line_of_another_release_is_read_as_nothing() -> None:
    assert state_of("<!-- reconciler:drift:acme {not json} -->") == {}
    assert state_of("<!-- reconciler:drift:acme [1] -->") == {}
    assert marker_of("hello") == ""


# Merged pull requests


def test_a_merged_pull_request_is_told_even_if_its_own_run_never_came(github: GitHub, comments: Comments) -> None:
    for number in (7, 8, 9, 10):
        comments.write(number, f"{PLAN}\n\nplan")
    github.pull(7, merged="c7")
    github.pull(8, merged="c8")
    github.pull(9)  # still open
    github.pull(10, merged="c10")  # merged after this run began
    github.commits["c8"] = [8]
    assert sorted(untold(comments, "c8")) == [7, 8]
    for number in (7, 8):
        tell_applied(comments, number, "acme", "c8", {"ftjob-1": "$3"}, "did it")
    assert untold(comments, "c10") == [10]


def test_who_was_told_of_a_failure_is_told_when_a_later_apply_made_it_good(github: GitHub, comments: Comments) -> None:
    for number in (7, 8):
        comments.write(number, f"{PLAN}\n\nplan")
        github.pull(number, merged=f"c{number}")
        github.commits[f"c{number}"] = [number]
    tell_applied(comments, 7, "acme", "c7", {}, "failed", worked=False)
    assert sorted(untold(comments, "c8")) == [7, 8]
    for number in (7, 8):
        tell_applied(comments, number, "acme", "c8", {}, "did it")
    assert untold(comments, "c9") == []
    assert [body.split()[-1] for body in github.bodies(7, "<!-- reconciler:apply")] == ["it"]


def test_what_another_workflow_wrote_as_our_author_gives_no_orders(github: GitHub, comments: Comments) -> None:
    said = first_line("reconciler:apply:acme", {"jobs": {"x --> @everyone": "$1", "": "", "ftjob-1": "$2"}})
    github.say(7, said, BOT)
    assert list(awaited(comments)) == [Awaited(7, "ftjob-1")]


def test_a_pull_request_without_changes_is_not_told_of_the_apply_of_another(github: GitHub, comments: Comments) -> None:
    comments.write(7, f"{PLAN}\n\n### No changes. Azure matches the manifests.")
    github.pull(7, merged="c7")
    github.pull(8, merged="c8")
    github.commits["c8"] = [8]
    assert untold(comments, "c8") == [8]


def test_two_trees_of_one_account_keep_to_their_own(github: GitHub, comments: Comments) -> None:
    comments.write(7, f"{PLAN}\n\nusual")
    comments.write(7, "<!-- reconciler:plan:acme:team-b -->\n\nother")
    comments.write(7, "<!-- reconciler:plan:dev,acme -->\n\nof a push before")
    github.pull(7, merged="c7")
    assert len(github.bodies(7)) == 3
    assert comments.outdate(7, "reconciler:plan", "Old.", but="reconciler:plan:acme") == 1
    assert [body.count("Old.") for body in github.bodies(7)] == [0, 0, 1]
    tell_applied(comments, 7, "acme", "c7", {"ftjob-1": "$3"}, "did it")
    github.history.append("c8")
    assert (untold(comments, "c8"), untold(comments, "c8", "team-b")) == ([], [7])
    assert list(awaited(comments, "team-b")) == []
    assert [one.accounts for one in awaited(comments)] == [("acme",)]
    report(comments, found("a"))
    report(comments, replace(found("b"), tree="team-b"))
    assert report(comments, found()) == "closed"
    assert [issue["state"] for issue in github.issues.values()] == ["closed", "open"]


def test_an_end_is_told_once_whatever_fails(github: GitHub, comments: Comments) -> None:
    github.pull(7, merged="c7")
    tell_applied(comments, 7, "acme", "c7", {"ftjob-1": "$3", "ftjob-2": ""}, "did it")
    tell_applied(comments, 7, "acme", "c8", {"ftjob-3": "$4"}, "did more")
    waiting = list(awaited(comments))
    assert waiting == [Awaited(7, "ftjob-1"), Awaited(7, "ftjob-2"), Awaited(7, "ftjob-3")]
    assert waiting[0].estimate == "$3"
    github.failures.append(Failure("POST", "comments", 502, after=True))
    # The first try was carried out though it failed, so the second finds it.
    tell_ended(comments, waiting[0], "went well")
    assert list(awaited(comments)) == waiting[1:]
    assert not tell_ended(comments, waiting[0], "went well")
    assert len(github.bodies(7, "<!-- reconciler:ended:ftjob-1 ")) == 1


# Drift


def found(*lines: str, whole: bool = True) -> Found:
    return Found("acme", "Drift in acme", "### body", lines, whole)


def test_an_issue_opens_counts_tells_news_and_closes(github: GitHub, comments: Comments, clock: FakeClock) -> None:
    assert report(comments, found()) == "nothing to do"
    assert report(comments, found("a")) == "opened"
    assert report(comments, found("a")) == "updated"
    (issue,) = github.issues.values()
    assert "Seen 2 times since 2026-09-21 " in issue["body"]
    assert github.comments == [], "counting notifies nobody"
    report(comments, found("a", "b"))
    assert [one["body"].split()[-1] for one in github.comments] == ["b"]
    clock.sleep(86400)
    report(comments, found("a"))
    assert report(comments, found(whole=False)) == "nothing to do", "what could not be read is not gone"
    assert report(comments, found()) == "closed"
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert "seen 4 times since 2026-09-21" in github.comments[-1]["body"]
    assert report(comments, found("a")) == "opened"
    assert len(github.issues) == 2


def test_a_wrong_clock_hides_no_training_and_dates_no_issue(
    github: GitHub, comments: Comments, clock: FakeClock
) -> None:
    tell_applied(comments, 7, "acme", "c7", {"ftjob-1": "$3"}, "did it")
    github.date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(clock.now()))
    clock.sleep(60 * 86400)
    assert list(awaited(comments)) == [Awaited(7, "ftjob-1")]
    report(comments, found("a"))
    (issue,) = github.issues.values()
    assert "since 2026-09-21 " in issue["body"]


def test_what_was_said_long_before_the_newest_comment_is_not_read(
    github: GitHub, comments: Comments, clock: FakeClock
) -> None:
    tell_applied(comments, 7, "acme", "c7", {"ftjob-1": "$3"}, "did it")
    clock.sleep(40 * 86400)
    github.say(8, "chatter", "ann")
    assert list(awaited(comments)) == []


def test_who_closes_an_issue_as_not_planned_has_decided(github: GitHub, comments: Comments) -> None:
    report(comments, found("a"))
    (issue,) = github.issues.values()
    issue.update(state="closed", state_reason="not_planned")
    assert report(comments, found("a")) == "left alone"
    assert report(comments, found("a", "b")) == "opened", "another drift is news"


def test_an_issue_that_was_opened_twice_becomes_one(github: GitHub, comments: Comments) -> None:
    github.failures.append(Failure("POST", "issues$", 502, after=True))
    report(comments, found("a"))
    assert len(github.issues) == 1
    first = next(iter(github.issues.values()))
    github.issues[999] = {**first, "number": 999}
    report(comments, found("a"))
    assert [one["state"] for one in github.issues.values()] == ["open", "closed"]
    report(comments, found())
    assert report(comments, found("a")) == "opened", "closing a twin is no decision of a person"


def test_closing_that_fails_halfway_is_made_good_and_told_once(github: GitHub, comments: Comments) -> None:
    report(comments, found("a"))
    github.failures.append(Failure("PATCH", "issues/", 403))
    with pytest.raises(GitHubError):
        report(comments, found())
    (issue,) = github.issues.values()
    assert issue["state"] == "open"
    assert report(comments, found()) == "closed"
    assert len(github.comments) == 1


def test_an_old_issue_is_found_behind_thousands_of_closed_ones(github: GitHub, comments: Comments) -> None:
    report(comments, found("a"))
    for number in range(1000, 4200):
        github.issues[number] = {"number": number, "state": "closed", "user": {"login": "ann"}, "body": ""}
    github.asked.clear()
    assert report(comments, found("a")) == "updated"
    assert len(github.asked) < 8, "a run costs few requests"


def test_issues_of_others_and_pull_requests_are_left_alone(github: GitHub, comments: Comments) -> None:
    body = first_line("reconciler:drift:acme", {"seen": 1})
    github.issues[1] = {"number": 1, "state": "open", "user": {"login": "mallory"}, "body": body}
    github.issues[2] = {"number": 2, "state": "open", "user": {"login": BOT}, "body": body, "pull_request": {}}
    assert report(comments, found("a")) == "opened"
    assert "PATCH" not in " ".join(github.asked)
