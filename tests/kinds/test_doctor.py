"""`doctor` against the emulator: each line says what is so, and what to do; nothing is changed by looking."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from command import ACCOUNT
from harness import Azure, Repo

from reconciler.azure.identity import identity_of
from reconciler.cli.main import run
from reconciler.core.checkup import (
    Line,
    ModelSays,
    Probed,
    Wanted,
    action_lines,
    can_train,
    model_lines,
    said_of,
    skew_line,
)
from reconciler.core.resource import Address
from reconciler.render.doctor import doctor_text

Look = Callable[..., tuple[int, dict[str, list[dict[str, Any]]]]]


@pytest.fixture
def azure(live: Azure) -> Azure:
    return live


@pytest.fixture
def look(site: Repo, capsys: pytest.CaptureFixture[str]) -> Look:
    """Run the command and return its exit code, and its lines by topic."""
    del site

    def looked(*arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
        capsys.readouterr()
        code = run(["doctor", "--format", "json", *arguments])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        topics: dict[str, list[dict[str, Any]]] = {}
        for account in json.loads(said.out)["accounts"]:
            for line in account["checks"]:
                topics.setdefault(line["topic"], []).append(line)
        return code, topics

    return looked


def bad(topics: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    return [(line["level"], line["code"]) for lines in topics.values() for line in lines if line["level"] != "ok"]


def test_a_healthy_account_is_ok_and_nothing_was_changed(look: Look, azure: Azure) -> None:
    code, topics = look()
    assert (code, bad(topics)) == (0, [])
    assert set(topics) == {
        "credential", "surface", "clock", "region", "action", "model", "limit", "quota", "retirement",
    }  # fmt: skip
    assert not any(item["committed"] for item in azure.emulator.requests())
    assert azure.objects("files") == azure.objects("jobs") == azure.objects("deployments") == []


@pytest.mark.parametrize(
    ("denied", "codes", "exit_code"),
    [
        (["/(write|delete)$"], [("warning", "read-only")], 0),
        (["deployments/write"], [("error", "action-missing")], 1),
        (["OpenAI/fine-tunes/write", "OpenAI/files/write"], [("error", "action-missing")], 1),
    ],
    ids=["one that only looks is enough for a plan", "trains, and cannot deploy", "deploys, and cannot train"],
)
def test_missing_rights_are_found_before_money_is_spent(
    look: Look, azure: Azure, denied: list[str], codes: list[tuple[str, str]], exit_code: int
) -> None:
    azure.configure(deny=denied)
    code, topics = look()
    assert (code, bad(topics)) == (exit_code, codes)
    assert all(line["remedy"] for line in topics["action"] if line["level"] != "ok")


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(look: Look, azure: Azure) -> None:
    azure.configure(deny=["usages/read", "OpenAI/files/read"])
    code, topics = look()
    assert code == 1
    assert [line["level"] for line in topics["quota"]] == ["unknown"]
    assert topics["limit"][0]["words"] == "not counted: Dataset, which could not be read"
    assert [line["level"] for line in topics["action"]] == ["error", "warning", "ok"], (
        "without quota a plan is made all the same"
    )
    assert topics["retirement"][-1]["level"] == "unknown"
    assert not any("files for" in line["words"] for line in topics["limit"]), "unread is not none"


def test_a_credential_that_is_refused_leaves_nothing_unsaid(look: Look, azure: Azure) -> None:
    azure.configure(bad_keys=["loopback"])
    code, topics = look()
    assert code == 1
    assert topics["surface"][0]["code"] == "azure-401"
    assert "az account show" in topics["surface"][0]["remedy"]


def test_the_region_is_arms_and_what_is_not_trained_there_is_told(look: Look, azure: Azure, site: Repo) -> None:
    azure.configure(location="northeurope")
    site.write("manifests/account.yaml", ACCOUNT.format(url=azure.server.url) + "  location: swedencentral\n")
    code, topics = look()
    assert code == 0
    assert [line["code"] for line in topics["region"]] == ["region-differs", "region-not-documented"]
    assert "location: northeurope" in topics["region"][0]["remedy"]
    assert "swedencentral" in topics["region"][1]["remedy"]


def test_base_models_are_compared_with_azures_list(look: Look, site: Repo) -> None:
    site.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "gpt-oss-20b")
    code, topics = look()
    assert (code, topics["model"][0]["code"]) == (0, "model-doubtful"), "the list says no of open-weight models"
    site.edit("manifests/stack.yaml", "gpt-oss-20b", "gpt-5-mini")
    code, topics = look()
    assert (code, topics["model"][0]["code"]) == (1, "model-untrainable"), "both say no"


def test_the_board_shows_what_is_live_by_both_dates(look: Look, azure: Azure, site: Repo) -> None:
    site.until_done()
    _, topics = look()
    words = topics["retirement"][0]["words"]
    assert "training ends 2027-04-14" in words
    assert "serving ends 2027-10-14" in words
    assert "1 model and deployments tone (Azure's list)" in words
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    azure.configure(models=[{**model, "deployment_retires": day} for model in azure.emulator.config.plain()["models"]])
    code, topics = look()
    assert (code, topics["retirement"][0]["code"]) == (1, "serving-ended")


@pytest.mark.parametrize(
    ("ahead", "level", "exit_code"),
    [(0.0, "ok", 0), (100.0, "warning", 0), (-100.0, "warning", 0), (900.0, "error", 1)],
)
def test_azures_date_tells_whether_the_clock_is_right(
    look: Look, azure: Azure, ahead: float, level: str, exit_code: int
) -> None:
    azure.configure(clock_ahead_s=ahead)
    code, topics = look()
    assert (code, topics["clock"][0]["level"]) == (exit_code, level)


def test_limits_and_pools_that_are_nearly_full_are_told(look: Look, azure: Azure, site: Repo) -> None:
    site.until_done()
    account = ACCOUNT.format(url=azure.server.url)
    site.write("manifests/account.yaml", account + "  limits: {deployments: 1, files: 2}\n")
    azure.configure(quotas={"OpenAI.GlobalStandard.gpt4.1-mini-finetune": 50})
    code, topics = look()
    assert code == 0
    assert sorted(line["code"] for line in topics["limit"] if line["level"] == "warning") == ["limit-reached"] * 2
    assert "`limits.files` of Account/acme" in next(
        line["words"] for line in topics["limit"] if "files" in line["words"]
    )
    assert topics["quota"][0]["code"] == "quota-full"
    assert "50 of 50 in use" in topics["quota"][0]["words"]


@pytest.mark.parametrize(
    "found",
    [
        "text",
        7,
        ["a", None, [], 1],
        [{"name": "MaxFineTuneCount", "value": "²"}, {"name": ["MaxFineTuneCount"], "value": "9" * 5000}],
    ],
)
def test_limits_that_azure_does_not_say_as_limits_are_left_out(look: Look, azure: Azure, found: Any) -> None:
    handle = azure.emulator.handle

    def spoiled(request: Any, *more: Any, **named: Any) -> Any:
        answer = handle(request, *more, **named)
        if request.path.endswith("/accounts/acme"):
            answer.body = json.dumps({**json.loads(answer.body), "properties": {"capabilities": found}}).encode()
        return answer

    azure.emulator.handle = spoiled  # type: ignore[method-assign,assignment]
    code, topics = look()
    assert code == 0
    assert {line["level"] for line in topics["limit"]} == {"ok"}


def test_accounts_alone_are_enough_and_only_the_named_ones_are_asked(look: Look, azure: Azure, site: Repo) -> None:
    site.write("manifests/stack.yaml", "kind: [")
    other = ACCOUNT.format(url=azure.server.url).replace("acme", "beta")
    site.write("manifests/beta.yaml", other)
    code, topics = look("beta")
    assert code == 0
    assert topics["model"][0]["words"].startswith("not checked: the manifests do not load")
    assert {item["account"] for item in azure.emulator.requests() if item["account"]} == {"beta"}
    azure.forget()
    assert run(["doctor", "gamma"]) == 1
    assert azure.emulator.requests() == []


def test_an_account_without_a_resource_id_says_what_it_misses(look: Look, azure: Azure, site: Repo) -> None:
    lines = ACCOUNT.format(url=azure.server.url).splitlines(keepends=True)
    site.write("manifests/account.yaml", "".join(line for line in lines if "resource_id" not in line))
    text = (site.folder / "manifests/stack.yaml").read_text()
    site.write("manifests/stack.yaml", text.partition("---")[0])
    code, topics = look()
    assert (code, topics["region"][0]["code"]) == (0, "account-without-control-plane")


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"upn": "ann@acme.test", "oid": "o-1", "tid": "t-1"}, "user ann@acme.test, object o-1, tenant t-1"),
        ({"appid": "app-7", "idtyp": "app", "oid": "o-2"}, "application app-7, object o-2"),
        ({"xms_mirid": "/subscriptions/s/x/ci-runner", "oid": "o-3"}, "managed identity ci-runner, object o-3"),
    ],
)
def test_a_token_says_who_it_is_of(claims: dict[str, Any], words: str) -> None:
    assert str(identity_of(token(**claims))) == words


@pytest.mark.parametrize("opaque", ["", "abc", "a.b.c", "e30.W10.x", "e30.!!!.x"])
def test_what_is_no_token_of_entra_says_nothing(opaque: str) -> None:
    assert identity_of(opaque) is None


@pytest.mark.parametrize(
    ("base", "kind", "flags", "level"),
    [
        ("gpt-4.1", "global", {"global": True}, "ok"),
        ("gpt-4.1", "global", {"global": False}, "warning"),
        ("gpt-5", "developer", {"developer": False}, "error"),
        ("gpt-5", "developer", {"developer": True}, "warning"),
        ("gpt-4.1", "data_zone", {}, "ok"),
        ("gpt-9", "global", {"global": True}, "ok"),
        ("gpt-9", "global", {"global": False}, "error"),
    ],
    ids=["both yes", "list alone no", "both no", "table alone no", "list silent", "table silent", "no, table silent"],
)
def test_one_no_is_a_warning_and_two_are_an_error(base: str, kind: str, flags: dict[str, bool], level: str) -> None:
    assert can_train(base, kind, ModelSays(base, flags))[0] == level


def test_a_list_that_was_not_read_or_lacks_the_model_is_told() -> None:
    job = Wanted(Address("FineTuneJob", "tone"), "gpt-4.1", "global")
    assert [line.level for line in model_lines([job], None)] == ["unknown"]
    assert [line.level for line in model_lines([job], [])] == ["unknown"], "a list without any base model says nothing"
    assert [line.level for line in model_lines([job], [ModelSays("gpt-4o")])] == ["warning"]
    assert can_train("gpt-9", "global", None)[0] == "error"
    newer = [ModelSays("gpt-9-mini-2027-01-01"), ModelSays("gpt-9-2027-01-01")]
    found = said_of("GPT-9", newer)
    assert found is newer[1], "a model that is in no table is found without its date"


def test_half_of_the_writes_is_worse_than_none_of_them() -> None:
    refused, allowed = Probed("a/write", True, "refused", "no", "ask"), Probed("b/write", True, "allowed")
    assert [line.level for line in action_lines([refused])] == ["warning"]
    assert [line.level for line in action_lines([refused, allowed])] == ["error", "ok"]
    assert [line.level for line in action_lines([Probed("c/write", True, "unknown", "busy")])] == ["unknown"]


def test_the_text_is_aligned_counts_and_obeys_nobody() -> None:
    said = doctor_text([("Account/x", [skew_line(0.0), Line("error", "job", "bad \x1b[2Jname", "Do:\n  this")])])
    assert "\x1b" not in said
    assert said.splitlines()[1].startswith("  ok       clock  as Azure's")
    assert said.splitlines()[-1] == "1 error"


def test_who_may_not_even_look_is_not_said_to_be_fit_for_a_plan() -> None:
    reads, writes = Probed("a/read", False, "refused", "no"), Probed("b/write", True, "refused", "no")
    assert [(line.level, line.words) for line in action_lines([reads, writes])] == [
        ("error", "refused: a/read, b/write: no")
    ]


def test_an_azure_that_does_not_answer_is_asked_no_further(look: Look, azure: Azure) -> None:
    azure.server.stop()
    code, topics = look()
    assert code == 1
    assert set(topics) == {"credential", "surface"}
    assert topics["surface"][0]["code"] == "azure-no-answer"
