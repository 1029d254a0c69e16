"""The JSON Schema of a saved plan (`schema plan`), for policies and bots that read one.

Within a major version keys are only added: so a reader ignores what it does not know, and no schema here forbids it.
Tests hold the schema against real plans in both directions: each is valid, and has no key that is not described.
"""

from __future__ import annotations

from typing import Any

from reconciler.render.document import FORMAT_VERSION

Schema = dict[str, Any]


def _object(about: str, **properties: Schema) -> Schema:
    return {"type": "object", "description": about, "properties": properties, "required": list(properties)}


def _list(about: str, items: Schema) -> Schema:
    return {"type": "array", "description": about, "items": items}


def _text(about: str, **more: Any) -> Schema:
    return {"type": "string", "description": about, **more}


def _flag(about: str) -> Schema:
    return {"type": "boolean", "description": about}


def _count(about: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": about}


def _or_null(schema: Schema) -> Schema:
    about = schema.get("description", "")
    return {"description": about, "anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


_AMOUNT = r"^-?\d+(\.\d+)?$"
_RANGE = {"low": _text("At least.", pattern=_AMOUNT), "high": _text("At most.", pattern=_AMOUNT)}
_PAIR = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_DEFS: Schema = {
    "place": _object(
        "Where something stands in the repository.",
        file=_text("Path from the root of the repository."),
        line=_count("From 1; 0 is the whole file."),
        column=_count("From 1; 0 is the whole line."),
    ),
    "diagnostic": _object(
        "Something that is wrong, or worth knowing.",
        severity=_text("How bad it is.", enum=["error", "warning"]),
        code=_text("Stable; docs/troubleshooting.md lists them."),
        summary=_text("Always the same words."),
        detail=_text("Which thing, and why."),
        remedy=_text("What to do; a command stands on a line of its own."),
        subject=_text("What it is about, mostly an address."),
        place=_or_null(_ref("place")),
    ),
    "money": _object(
        "US dollars, as texts with all their digits.",
        **_RANGE,
        estimated=_flag("Whether tokens were estimated."),
        unknown=_list(
            "What is not in the amounts.", _object("One part.", subject=_text("Of what."), reason=_text("Why."))
        ),
    ),
    "rate": _object(
        "A price.",
        **_RANGE,
        estimated=_flag("Whether it is an estimate."),
        unknown={"type": "array", "description": "What is not known of it."},
        unit=_text("Of what.", enum=["1 hour", "1M tokens"]),
    ),
    "grader": _object(
        "A model that grades, with the prices of a million tokens; null where a price is not known.",
        model=_text("Its name."),
        input=_or_null(_text("US dollars for what it reads.", pattern=_AMOUNT)),
        output=_or_null(_text("US dollars for what it writes.", pattern=_AMOUNT)),
    ),
    "change_cost": _object(
        "What a change costs.",
        training=_or_null(_ref("money")),
        tokens=_or_null({**_PAIR, "description": "Tokens that are billed, all epochs together: at least, at most."}),
        epochs=_or_null({**_PAIR, "description": "Passes over the data: at least, at most."}),
        rate=_or_null(_ref("rate")),
        graders=_list("Models that grade; their tokens are not counted.", _ref("grader")),
        later=_flag("It is done in a later run."),
        hosting_hour_before=_or_null(_ref("money")),
        hosting_hour_after=_or_null(_ref("money")),
    ),
    "data_change": _object(
        "How data differs from an earlier version, in examples and tokens; never what stands in it.",
        against=_text("The earlier version: a branch, HEAD, a commit."),
        before=_count("Examples before."),
        after=_count("Examples now."),
        added=_count("Examples."),
        removed=_count("Examples."),
        changed=_count("Examples."),
        reformatted=_count("Examples with the same values and other bytes."),
        tokens_added=_or_null(_count("Tokens.")),
        tokens_removed=_or_null(_count("Tokens.")),
        reordered=_flag("Whether the order differs."),
        unknown=_text("Why they cannot be compared; then no number means anything."),
    ),
    "resource_change": _object(
        "What happens to one resource, or to one live object that no manifest declares.",
        address=_text("Kind/name.", pattern="^[^/]+/.+$"),
        kind=_text("Dataset, FineTuneJob or Deployment; later perhaps others."),
        name=_text("The name in the manifest, or that of the live object."),
        account=_text("Name of the Account."),
        change=_object(
            "In the words of Terraform; keys of the values are dotted paths of fields.",
            actions={
                "description": "What is done.",
                "enum": [["no-op"], ["create"], ["update"], ["delete", "create"], ["delete"]],
            },
            before=_or_null({"type": "object", "description": "What is at Azure: the fields that change, or all."}),
            after=_or_null({"type": "object", "description": "What will be."}),
            after_unknown={
                "type": "object",
                "description": "Fields whose value is known only after apply.",
                "additionalProperties": {"const": True},
            },
        ),
        action_reason=_or_null(
            _text(
                "new, missing, retrain:FIELD,…, retry:ID, beside:ID, immutable:FIELD,…, adopt, left_over, former_of:ADDRESS, expired:ADDRESS, "
                "destroy, duplicate_of:ID; "
                "of a no-op waiting_for:ADDRESS,…, stuck:CODE, or what it is busy with; null: nothing to say."
            )
        ),
        data_change=_or_null(_ref("data_change")),
        notes=_list("What a person should know of it.", {"type": "string"}),
        cost=_or_null(_ref("change_cost")),
        outputs={"type": "object", "description": "What other tools may use of it now, for example the name to call."},
        digest=_text("Identity of what is declared; empty where nothing is."),
        live_id=_text("The live object; empty if there is none."),
        agreed=_or_null(
            {"type": "object", "description": "What is as declared of what waits: it is not changed later."}
        ),
        supersedes=_text("The job or deployment that the new one takes the place of."),
        waits_for=_list("Addresses.", {"type": "string"}),
        then=_text(
            "What is done after the waiting: create, train, update or recreate; empty if nothing is waited for."
        ),
        held=_text("Why it is shown and not done; empty if it is done."),
        diagnostic=_or_null(_ref("diagnostic")),
        place=_or_null(_ref("place")),
        field_places={
            "description": "Where fields stand that differ, or because of which it trains anew, by path. New in 1.3.",
            "type": "object",
            "additionalProperties": _ref("place"),
        },
    ),
}


def plan_schema() -> Schema:
    """Return the schema of a plan."""
    major = FORMAT_VERSION.partition(".")[0]
    money = _or_null(_ref("money"))
    body = _object(
        "What `apply` would do. Written by `plan --out FILE` and `plan --format json`, read by `apply --plan FILE`.",
        format_version=_text("Major.minor; a new minor version adds keys.", pattern=rf"^{major}\.\d+$"),
        tool_version=_text("The version that wrote it."),
        created_at=_text("When, in UTC.", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"),
        emulator=_flag("Made against the emulator; it cannot be applied to Azure."),
        accounts=_list(
            "What it was made against; it applies to nothing else.",
            _object(
                "One account.",
                name=_text("Name of the Account."),
                endpoint=_text("Address of the data plane, or `emulator`."),
                resource_id=_text("Id in ARM; may be empty."),
                owner=_text("Whose mark objects bear."),
            ),
        ),
        tree_digest=_text("Identity of everything that the manifests declare, data included."),
        resource_changes=_list("In the order in which they are made; deletions last.", _ref("resource_change")),
        resource_drift=_list("Those of the changes that undo what somebody did at Azure.", _ref("resource_change")),
        checks=_list("Warnings.", _ref("diagnostic")),
        refusals=_list("Why `apply` refuses it as it is.", _ref("diagnostic")),
        cost=_or_null(
            _object(
                "What it costs, all changes together.",
                currency={"const": "USD", "description": "Always US dollars."},
                training_now=money,
                training_later=money,
                jobs_now=_count("Trainings that start."),
                jobs_later=_count("Trainings that start in a later run."),
                tokens=_or_null({**_PAIR, "description": "Tokens that the trainings of now are billed for."}),
                hosting_hour_before=money,
                hosting_hour_after=money,
                hosting_hour_left_over=money,
                at_most=money,
                prices=_list("Which prices were used.", {"type": "string"}),
                text=_text("All of it in one sentence."),
            )
        ),
        history=_count("Finished jobs and models of ours that no manifest matches."),
        errored=_flag("Part of Azure could not be read: the plan is not whole."),
        diagnostics=_list("Further findings.", _ref("diagnostic")),
        summary=_object(
            "The last line, in numbers and words.",
            train=_count("Trainings."),
            create=_count("Other creations."),
            update=_count("Updates."),
            delete=_count("Deletions."),
            converged=_flag("Nothing to do, and nothing under way."),
            text=_text("`No changes. …` or `Plan: N to train, …`."),
        ),
        sha256=_text(
            "Hash of the rest in canonical form. It shows damage and is no signature.", pattern="^[0-9a-f]{64}$"
        ),
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Plan of reconciler, format {FORMAT_VERSION}",
        **body,
        "$defs": _DEFS,
    }
