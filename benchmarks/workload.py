"""The same models declared twice: as manifests for reconciler and as `terraform_data` for Terraform.

A model is three resources that refer to each other: a dataset, the job that trains on it, the deployment that serves
it. Both trees have the same number of files (one for each model), resources, references and fields.
"""

from __future__ import annotations

import json
from pathlib import Path

SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
EXAMPLES = 50
"""Rows of each data file: so many that nothing warns that there are few."""
BASE = "gpt-4.1-mini-2025-04-14"


def manifests(folder: Path, url: str, *, datasets: int, jobs: int, deployments: int, accounts: int) -> None:
    """Write a tree of manifests whose accounts are served at `url`; job N trains on dataset N, deployment N serves it."""
    (folder / "data").mkdir(parents=True)
    for number in range(accounts):
        name = f"account-{number}"
        (folder / f"{name}.yaml").write_text(
            f"apiVersion: reconciler/v1\n"
            f"kind: Account\n"
            f"metadata: {{name: {name}}}\n"
            f"spec:\n"
            f"  resource_id: /subscriptions/{SUBSCRIPTION}/resourceGroups/bench/providers/"
            f"Microsoft.CognitiveServices/accounts/{name}\n"
            f"  endpoint: {url}/{name}\n"
            f"  management_endpoint: {url}\n"
            f"  owner: bench\n"
        )
    for number in range(datasets):
        (folder / "data" / f"model-{number}.jsonl").write_text(_examples(number))
        documents = [_dataset(number, accounts)]
        if number < jobs:
            documents.append(_job(number, accounts))
        if number < deployments:
            documents.append(_deployment(number, accounts))
        (folder / f"model-{number}.yaml").write_text("---\n".join(documents))


def terraform(folder: Path, *, models: int) -> None:
    """Write the same models for Terraform."""
    folder.mkdir(parents=True)
    for number in range(models):
        (folder / f"model-{number}.tf").write_text(
            f'resource "terraform_data" "dataset-{number}" {{\n'
            f"  input = {{\n"
            f'    account = "account-{number % 4}"\n'
            f'    path    = "data/model-{number}.jsonl"\n'
            f"  }}\n"
            f"}}\n\n"
            f'resource "terraform_data" "job-{number}" {{\n'
            f"  input = {{\n"
            f'    account       = "account-{number % 4}"\n'
            f'    model         = "{BASE}"\n'
            f"    training_file = terraform_data.dataset-{number}.id\n"
            f'    training_type = "global"\n'
            f"    seed          = {number}\n"
            f"    n_epochs      = 2\n"
            f"  }}\n"
            f"}}\n\n"
            f'resource "terraform_data" "deployment-{number}" {{\n'
            f"  input = {{\n"
            f'    account  = "account-{number % 4}"\n'
            f"    model    = terraform_data.job-{number}.id\n"
            f'    sku      = "GlobalStandard"\n'
            f"    capacity = 1\n"
            f"  }}\n"
            f"}}\n"
        )


def _examples(number: int) -> str:
    return "".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": f"Question {row} of model {number}?"},
                    {"role": "assistant", "content": f"Answer {row}."},
                ]
            }
        )
        + "\n"
        for row in range(EXAMPLES)
    )


def _dataset(number: int, accounts: int) -> str:
    return (
        f"apiVersion: reconciler/v1\n"
        f"kind: Dataset\n"
        f"metadata: {{name: model-{number}}}\n"
        f"spec:\n"
        f"  account: account-{number % accounts}\n"
        f"  source: {{path: data/model-{number}.jsonl}}\n"
    )


def _job(number: int, accounts: int) -> str:
    return (
        f"apiVersion: reconciler/v1\n"
        f"kind: FineTuneJob\n"
        f"metadata: {{name: model-{number}}}\n"
        f"spec:\n"
        f"  account: account-{number % accounts}\n"
        f"  model: {BASE}\n"
        f"  training_file: {{dataset: model-{number}}}\n"
        f"  training_type: global\n"
        f"  seed: {number}\n"
        f"  method: {{hyperparameters: {{n_epochs: 2}}}}\n"
    )


def _deployment(number: int, accounts: int) -> str:
    return (
        f"apiVersion: reconciler/v1\n"
        f"kind: Deployment\n"
        f"metadata: {{name: model-{number}}}\n"
        f"spec:\n"
        f"  account: account-{number % accounts}\n"
        f"  model: {{job: model-{number}}}\n"
        f"  sku: {{name: GlobalStandard, capacity: 1}}\n"
    )
