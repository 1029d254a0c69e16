"""What is promised of a job that a manifest suspends: who pauses it, who resumes it, and that it is one job all the while."""

from __future__ import annotations

from simulation.besides import Besides
from simulation.promises import JOBS, Broken, Run
from simulation.tree import Job

from reconciler.emulator import Request, Response
from reconciler.emulator.world import STOPPED_BY_COST


class Suspension(Besides):
    """Looks at each pause and each resumption."""

    def watch(self, request: Request, _: Response, run: Run) -> None:
        """Look at what a request of the product did."""
        if request.method != "POST" or not self.is_carried_out:
            return
        if request.path.endswith(JOBS):
            job = self._declared([*self.play.azure.emulator.world.account("acme").jobs][-1], run)
            if job and job.suspend:
                raise Broken("a job was started that is suspended")
        _, name, verb = request.path.rsplit("/", 2)
        if verb == "pause":
            self.counts["seen: a job paused"] += 1
            job = self._declared(name, run)
            if job is None or not job.suspend:
                raise Broken(f"{name} was paused, and no manifest suspends it: {job}")
        if verb == "resume":
            self.counts["seen: a job resumed"] += 1
            self._may_go_on(name, run)

    def _may_go_on(self, name: str, run: Run) -> None:
        job = self._declared(name, run)
        if run.mode == "continue":
            raise Broken(f"--continue resumed {name}")
        if job is None or job.suspend:
            raise Broken(f"{name} was resumed, and its manifest suspends it: {job}")
        if job.graded and job.suspend is None:
            raise Broken(f"{name} was resumed, and Azure may have stopped it at its limit of cost: {job}")

    def _declared(self, name: str, run: Run) -> Job | None:
        """Return the job that a run declares, of which a live one is the training."""
        key = self.play.trained_on.get(name)
        found = (job for one, job in run.tree.jobs.items() if key and self.play.key(run.tree, one) == key)
        return next(found, None)

    def check(self) -> None:
        """Count what stood still, so that it shows whether it was played at all."""
        jobs = self.play.azure.emulator.world.account("acme").jobs.values()
        stopped = sum(job.pause_reason == STOPPED_BY_COST for job in jobs)
        self.counts["seen: a reinforcement job that Azure stopped"] += stopped
