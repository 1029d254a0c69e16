"""Azure's answers in words: each known one is recognised, secrets are taken out, and no body breaks the reading."""

from __future__ import annotations

import json
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given

from reconciler.azure.errors import from_answer, scrub, told
from reconciler.azure.messages import explain

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("status", "code", "message", "summary"),
    [
        (401, "unauthorized", "Access denied.", "Azure refused the credential"),
        (401, "", "Token audience is wrong", "The token is for another audience"),
        (
            403,
            "AuthorizationFailed",
            "no Microsoft.CognitiveServices/accounts/deployments/write",
            "The identity may not manage deployments",
        ),
        (403, "forbidden", "The principal lacks the required data action", "The identity lacks a role"),
        (
            400,
            "invalidPayload",
            "The specified base model x does not support fine-tuning with Standard TrainingType.",
            "Azure refuses to fine-tune this base model",
        ),
        (
            400,
            "invalidPayload",
            "The specified file reference must point to a completed file import.",
            "The training file is not processed yet",
        ),
        (400, "InsufficientQuota", "This operation require 240 new capacity", "The quota is used up"),
        (
            400,
            "CannotChangeDeploymentModel",
            "The model of deployment cannot be changed.",
            "Azure does not change the model of this deployment in place",
        ),
        (
            400,
            "InvalidResourceProperties",
            "The specified SKU 'DeveloperTier' of account deployment is not supported",
            "The model does not support this sku",
        ),
        (
            400,
            "InvalidResourceProperties",
            "The deployment sku name 'S0' is invalid.",
            "The model does not support this sku",
        ),
        (
            400,
            "InvalidResourceProperties",
            "The capacity '7' of account deployment is invalid.",
            "Azure does not take this capacity",
        ),
        (
            400,
            "InvalidResourceProperties",
            "The capacity should be a multiple of 5.",
            "Azure does not take this capacity",
        ),
        (
            400,
            "InvalidResourceProperties",
            "The specified capacity '120' of account deployment is bigger than available capacity '9' for UsageName 'x'.",
            "The quota is used up",
        ),
        (400, "InvalidResourceProperties", "raiPolicyName is wrong", "Azure refuses a setting of the deployment"),
        (
            400,
            "DeploymentLimitExceeded",
            "The account already has 10 deployments of fine-tuned models.",
            "The account has as many deployments as it may",
        ),
        (
            400,
            "quotaExceeded",
            "The maximum number of 100 fine-tuning jobs is reached.",
            "A limit of the account is reached",
        ),
        (400, "quotaExceeded", "The maximum number of 20 queued jobs is reached.", "A limit of the account is reached"),
        (400, "DeploymentModelNotSupported", "", "Azure does not know the model that is to be deployed"),
        (
            409,
            "RequestConflict",
            "Another operation is being performed on the parent resource",
            "Another operation on the account is under way",
        ),
        (409, "FlagMustBeSetForRestore", "", "The account was deleted and can be restored"),
        (
            400,
            "InvalidResourceName",
            "The deployment name 'c' is invalid.",
            "Azure does not take this name of a deployment",
        ),
        (404, "404", "Resource not found", "The endpoint does not serve this route"),
        (404, "ResourceNotFound", "", "ARM does not know the resource"),
        (429, "tooManyRequests", "", "Azure throttles the requests"),
        (500, "", "A system error was encountered", "Azure failed"),
        (307, "", "", "The endpoint redirects, and redirects are never followed"),
        (418, "", "", "Azure refused the request"),
    ],
)
def test_known_answers(status: int, code: str, message: str, summary: str) -> None:
    assert explain(status, code, message)[0] == summary


@pytest.mark.parametrize(
    "secret",
    [
        "Bearer abcdef1234567890",
        "api-key: 0123456789abcdef0123",
        "https://x.blob.core.windows.net/c/f?sv=2024&sig=AbC%2Fdef%3D",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "client_secret=s3cr3tvalue",
        "sk-abcdefghijklmnopqrstuvwx",
    ],
)
def test_secrets_are_taken_out(secret: str) -> None:
    shown = str(from_answer(500, {"error": {"code": "x", "message": f"failed with {secret} here"}}, {}, "calling"))
    tail = secret[-8:]
    assert tail not in shown
    assert "[hidden]" in scrub(secret)


def test_a_secret_is_hidden_in_a_code_too() -> None:
    error = from_answer(
        400, {"error": {"code": "Bearer abcdef1234567890" + "x" * 5000, "message": "no"}}, {}, "calling"
    )
    assert "1234567890" not in f"{error.fault} {error.code}"
    assert len(error.fault.detail) < 200


@pytest.mark.parametrize("text", ["eyJ-" * 50_000, "eyJ-" * 50_000 + ".", "password" * 25_000, "bearer " * 28_000])
def test_no_text_makes_the_search_for_secrets_slow(text: str) -> None:
    began = time.process_time()
    assert len(scrub(text)) < 700
    assert time.process_time() - began < 1, "where each start is followed to the end it is minutes"


@pytest.mark.parametrize("length", range(65_450, 65_550, 7))
def test_no_half_of_a_secret_is_left_where_a_long_text_is_cut(length: int) -> None:
    """A long text of secrets shrinks when they are hidden, so its end comes into sight."""
    jwt = "eyJ" + "a" * 2000 + "." + "SEEN" * 500
    text = f"{jwt} " * 16
    assert "SEEN" not in scrub(f"{text[:length]}{jwt} {jwt}")
    assert "aaaa" not in scrub(f"{text[:length].rpartition(' ')[0]} {jwt} {jwt}")


@given(st.integers(100, 599), JSON)
def test_any_body_can_be_read(status: int, body: object) -> None:
    error = from_answer(status, body, {"retry-after": "x"}, "calling")
    assert error.status == status
    assert error.fault.summary


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "99999"}, 300.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert from_answer(429, {}, headers, "calling").retry_after == seconds


def test_an_objects_own_404_is_not_the_gateways() -> None:
    assert from_answer(404, {"error": {"code": "notFound"}}, {}, "x").is_absent
    assert not from_answer(404, {"error": {"code": "404", "message": "Resource not found"}}, {}, "x").is_absent
    assert not from_answer(404, "<html>", {}, "x").is_absent


def test_the_cause_is_found_where_azure_puts_it() -> None:
    conflict = {"code": "RequestConflict", "message": "Another operation is being performed on the parent resource."}
    nested = {
        "code": "DeploymentFailed",
        "message": "At least one operation failed.",
        "details": [{"details": [conflict]}],
    }
    for body in (
        {"error": nested},
        {"error": conflict},
        conflict,
        {"error": json.dumps(conflict)},
        json.dumps(conflict),
    ):
        error = from_answer(409, body, {}, "writing")
        assert error.is_conflict, body
        assert "Another operation is being performed" in error.fault.detail
    assert "DeploymentFailed: At least one operation failed; RequestConflict: Another" in told(nested)
    many = {"message": "No", "details": [{"code": "x", "message": "y" * 500}] * 100_000}
    assert len(from_answer(400, {"error": many}, {}, "writing").fault.detail) < 1000
    quota = {"code": "BadRequest", "message": "No", "details": [{"code": "InsufficientQuota", "message": "Full"}]}
    assert from_answer(400, {"error": quota}, {}, "writing").fault.remedy
    for odd in (None, "text", [None, 1, "x"], {"code": "x"}, [{"code": 1, "message": []}]):
        assert from_answer(400, {"error": {"message": "No", "details": odd}}, {}, "x").fault.detail.endswith(": No")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            (
                "This operation require 240 new capacity in quota Tokens Per Minute (thousands) - OpenAI.Standard.a-finetune, which "
                "is bigger than the current available capacity 10. The current quota usage is 230 and the quota limit is 240 for "
                "quota Tokens Per Minute (thousands) - OpenAI.Standard.a-finetune."
            ),
            "10 of 240 is left in OpenAI.Standard.a-finetune, and 240 was asked for: lower `sku.capacity` to 10, delete",
        ),
        (
            (
                "The specified capacity '120' of account deployment is bigger than available capacity '0' for UsageName "
                "'OpenAI.Standard.gpt-4.1'."
            ),
            "0 is left in OpenAI.Standard.gpt-4.1, and 120 was asked for: delete",
        ),
        ("The quota is gone.", "Lower `sku.capacity`, delete what is not needed"),
    ],
    ids=["the text of today", "the older text", "no numbers"],
)
def test_a_quota_is_told_with_azures_numbers(message: str, said: str) -> None:
    summary, remedy = explain(400, "InsufficientQuota", message)
    assert summary == "The quota is used up"
    assert remedy.startswith(said)
    assert ("quota of their own" in remedy) != ("-finetune" in message), (
        "base pools are told from those for trained models"
    )


@pytest.mark.parametrize(
    ("status", "code", "message", "again"),
    [
        (409, "RequestConflict", "Another operation is being performed on the parent resource.", True),
        (409, "AccountProvisioningStateInvalid", "Call failed: account is in state Accepted", True),
        (400, "AccountProvisioningStateInvalid", "Call failed: account is in state Accepted", True),
        (400, "BadRequest", "The resource entity provisioning state is not terminal.", True),
        (409, "FlagMustBeSetForRestore", "An existing resource has been soft-deleted.", False),
        (400, "InvalidResourceProperties", "The specified SKU is not supported by the model", False),
    ],
)
def test_what_is_sent_again_because_the_account_is_busy(status: int, code: str, message: str, again: bool) -> None:
    error = from_answer(status, {"error": {"code": code, "message": message}}, {"retry-after": "7"}, "writing")
    assert (error.passes, error.retry_after) == (again, 7.0)
