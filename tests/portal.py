"""What people make of an account without manifests, in the portal: everything that an import meets."""

from __future__ import annotations

import json
from typing import Any

from harness import Azure, arm, examples

from reconciler.emulator import Request

MINI = "gpt-4.1-mini"


def upload(azure: Azure, name: str, text: str, account: str = "acme") -> str:
    body = (
        '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: application/json\r\n\r\n{text}\r\n--b--\r\n"
    )
    headers = {"authorization": "Bearer portal", "content-type": "multipart/form-data; boundary=b"}
    answer = azure.emulator.handle(Request("POST", f"/{account}/openai/v1/files", {}, headers, body.encode()))
    return str(json.loads(answer.body)["id"])


def train(azure: Azure, file: str, account: str = "acme", **fields: Any) -> str:
    body = {"model": MINI, "training_file": file, **fields}
    made = azure.raw("POST", f"/{account}/openai/v1/fine_tuning/jobs", body)
    return str(made["id"])


def deploy(
    azure: Azure, name: str, model: str, account: str = "acme", version: str = "1", **more: Any
) -> dict[str, Any]:
    body = {
        "sku": {"name": "GlobalStandard", "capacity": 5, **more.pop("sku", {})},
        "properties": {"model": {"format": "OpenAI", "name": model, "version": version}, **more.pop("properties", {})},
        "tags": more.pop("tags", {}),
    }
    return dict(azure.raw("PUT", f"{arm(account)}/deployments/{name}?api-version=2025-09-01", body))


def model_of(azure: Azure, job: str, account: str = "acme") -> str:
    return str(azure.raw("GET", f"/{account}/openai/v1/fine_tuning/jobs/{job}")["fine_tuned_model"])


def settle(azure: Azure) -> None:
    """Let everything end that was begun."""
    azure.clock.sleep(3 * 3600)


def busy_account(azure: Azure, account: str = "acme") -> dict[str, str]:
    """Fill an account as a team without manifests would; returns what things are called, by what they are for."""
    train_file = upload(azure, "Support Tone (v2).jsonl", examples(20), account)
    twin_file = upload(azure, "Support Tone (v2).jsonl", examples(30, "other"), account)
    crlf_file = upload(azure, "windows.jsonl", "\ufeff" + examples(15, "line").replace("\n", "\r\n"), account)
    lone_file = upload(azure, "żółw.jsonl", examples(12, "lone"), account)
    lost_file = upload(azure, "lost.jsonl", examples(12, "lost"), account)
    azure.clock.sleep(30)
    made = {
        "tone": train(azure, train_file, account, suffix="Support_TONE", trainingType="globalStandard"),
        "twin": train(
            azure,
            twin_file,
            account,
            suffix="Support_TONE",
            trainingType="globalStandard",
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        ),
        "plain": train(azure, crlf_file, account),
        "lost": train(azure, lost_file, account, validation_file=lone_file),
        "fails": train(azure, train_file, account, suffix="fails"),
        "purged": train(azure, train_file, account, suffix="old"),
        "gone": train(azure, train_file, account, suffix="gone"),
    }
    azure.clock.sleep(1)
    azure.hand("fail_job", account, job=made["fails"])
    for _ in range(4):
        settle(azure)
    models = {name: model_of(azure, job, account) for name, job in made.items() if name != "fails"}
    azure.hand("vanish_file", account, file=lost_file)
    azure.hand("vanish_model", account, model=models["gone"])
    deploy(azure, "Tone_Prod", models["tone"], account, tags={"team": "support"})
    azure.clock.sleep(30)
    deploy(
        azure,
        "chat",
        MINI,
        account,
        version="2025-04-14",
        properties={"versionUpgradeOption": "OnceNewDefaultVersionAvailable", "raiPolicyName": "Microsoft.DefaultV2"},
    )
    azure.clock.sleep(30)
    deploy(azure, "old", models["purged"], account, properties={"raiPolicyName": "strict"})
    azure.clock.sleep(30)
    deploy(azure, "theirs", models["plain"], account, tags={"reconciler-owner": "other-team"})
    azure.clock.sleep(30)
    azure.hand("purge_jobs", account, jobs=[made["purged"]])
    made["runs"] = train(azure, train_file, account, suffix="runs")
    azure.clock.sleep(120)
    return {
        **made,
        **{f"model of {name}": model for name, model in models.items()},
        "lone file": lone_file,
        "file of tone": train_file,
    }
