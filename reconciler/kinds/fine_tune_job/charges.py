"""What a training is charged for: the tokens of its data, or its hours (docs/azure.md, section 20)."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.charges import Charges, Training
from reconciler.core.resource import Address, Desired
from reconciler.kinds.fine_tune_job.graders import grading_models
from reconciler.kinds.fine_tune_job.spec import DatasetRef, FineTuneJobSpec, JobRef, training_type

ELSEWHERE = "its data is not at hand, so its tokens are not counted"


def charges_of(desired: Desired, declared: Mapping[Address, Desired]) -> Charges:
    """Return what a declared job is charged for; validation is not."""
    job = desired.spec
    assert isinstance(job, FineTuneJobSpec)
    model = Address("FineTuneJob", job.model.job) if isinstance(job.model, JobRef) else job.model
    kind = training_type(job.training_type)
    if job.method.type == "reinforcement":
        return Charges(Training(model, kind, by_hour=True, graders=grading_models(job.method.grading())))
    epochs = job.method.hyperparameters.n_epochs
    passes = epochs if isinstance(epochs, int) else None
    file = job.training_file
    dataset = declared.get(Address("Dataset", file.dataset)) if isinstance(file, DatasetRef) else None
    content = dataset.content if dataset else None
    if content is None or content.tokens is None:
        return Charges(Training(model, kind, None, passes, unknown=ELSEWHERE))
    unknown = "the tokens of its images are not counted" if content.images else ""
    # How Azure writes declared tools into the prompt is not documented, so their tokens are left out of a count that is exact.
    return Charges(Training(model, kind, content.tokens, passes, unknown=unknown, about=content.tool_examples > 0))
