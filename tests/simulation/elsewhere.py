"""A second account that serves what the first one trains, and what is promised of it."""

from __future__ import annotations

from simulation.besides import Besides
from simulation.promises import WEST, Broken, Promises, Run
from simulation.tree import FAR, Served

from reconciler.emulator import Request, Response
from reconciler.emulator.deployments import is_live, is_new, serving_body, shown_body
from reconciler.emulator.records import DeploymentRecord


class Elsewhere(Besides):
    """Looks at each write to the second account, and at what it serves."""

    def __init__(self, play: Promises) -> None:
        super().__init__(play)
        self._has_served = False
        self._known: set[str] = set()
        """Models that were served there."""

    def watch(self, request: Request, answer: Response, run: Run) -> None:
        """Only the deployment is written to; it is given no other model, and serves on."""
        del answer
        if not self.is_carried_out:
            return
        what = f"{request.method} {request.path}"
        one = run.tree.far
        if WEST in request.path:
            if not request.path.endswith(f"/deployments/{FAR}"):
                raise Broken(f"an account that only serves was written to: {what}")
            if request.method == "DELETE" and not self._may_delete(one, run):
                raise Broken(f"deleted in the second account: {run.mode} {what}")
            if request.method in {"PUT", "PATCH"} and one:
                self._given(one, run)
        self._serves_on()

    def _may_delete(self, one: Served | None, run: Run) -> bool:
        if run.mode in {"continue", "target"}:
            return False
        return one.strategy == "recreate" if one else run.mode != "apply"

    def _given(self, one: Served, run: Run) -> None:
        play = self.play
        record = self._record()
        assert record is not None
        model = str(shown_body(record, play.azure.emulator.world.now())["properties"]["model"]["name"]).lower()
        job, _ = play.trained(model)
        if job is None or job.id in play.clones or job.id in play.foreign:
            raise Broken(f"{FAR} was given {model}, which is not ours")
        if model not in self._known and play.trained_on.get(job.id) != play.key(run.tree, one.job):
            raise Broken(f"{FAR} was given {model}, which {one.job} does not declare")
        self._known.add(model)
        self.counts["seen: a model served in another account"] += 1

    def _serves_on(self) -> None:
        """Under `in_place` what has served goes on serving."""
        one, record = self.play.tree.far, self._record()
        is_served = record is not None and self.play.serves(record)
        if one is None or one.strategy == "recreate" or is_served or record is None or is_new(record):
            # Nothing is deleted to be made anew: that is looked at above, so it was not there any more.
            self._has_served = is_served
        elif self._has_served and self._is_there(record):
            raise Broken(f"nothing serves {FAR} any more")

    def _is_there(self, record: DeploymentRecord) -> bool:
        """Whether the model that it serves was not deleted by somebody else."""
        body = serving_body(record, self.play.azure.emulator.world.now())
        job, _ = self.play.trained(str(body["properties"]["model"]["name"]))
        return job is not None and job.model_deleted is None

    def check(self) -> None:
        """It serves what is declared, or is not there."""
        one, record = self.play.tree.far, self._record()
        if one is None or record is None:
            if one or record:
                raise Broken(f"{FAR} is there: {record}, declared: {one}")
            return
        body = serving_body(record, self.play.azure.emulator.world.now())
        model = str(body["properties"]["model"]["name"])
        job, step = self.play.trained(model)
        is_declared = job is not None and self.play.trained_on.get(job.id) == self.play.key(self.play.tree, one.job)
        if (
            not is_declared
            or not self.play.serves(record)
            or (step, body["sku"]["capacity"]) != (one.step, one.capacity)
        ):
            raise Broken(f"{FAR} serves {model}, step {step}, {body['sku']}, declared: {one}")

    def _record(self) -> DeploymentRecord | None:
        world = self.play.azure.emulator.world
        record = world.account("west").deployments.get(FAR)
        return record if record and is_live(world, record, world.now()) else None
