"""How runs are started on one machine, and how runs whose process is gone are noticed.

Dagster's default launcher cannot tell a run that is working from one whose process was killed; the latter would
count as in progress for ever, and keep its place in the queue and its pool slot. `cm_core/cli/dagster.yaml` names
this launcher; the checks happen in the daemon's run monitoring, and before each run that the command line starts.
"""

from __future__ import annotations

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

#: A process that started later than this many seconds after the run's event has merely got the same number.
_CLOCK_SLACK_SECONDS = 2.0


class LocalRunLauncher(DefaultRunLauncher):
    """Starts each run in a process of the code server, and knows whether that process is still there."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: run monitoring then fails the runs that nobody works on."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """FAILED when the process that the run reported is gone; RUNNING when it lives or is not known yet."""
        gone = gone_worker(self._instance, run)
        if gone is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"process {gone} of the run is gone")


def gone_worker(instance: DagsterInstance, run: DagsterRun) -> int | None:
    """The process id that the run reported, if no such process is left; None if it lives or never reported one."""
    import psutil

    events = instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    for entry in reversed(events):
        pid = entry.get_dagster_event().engine_event_data.metadata.get("pid")
        if pid is None:
            continue
        number = int(str(pid.value))
        try:
            process = psutil.Process(number)
            alive = (
                process.status() != psutil.STATUS_ZOMBIE
                and process.create_time() < entry.timestamp + _CLOCK_SLACK_SECONDS
            )
        except psutil.NoSuchProcess:
            alive = False
        return None if alive else number
    return None


def fail_gone_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs whose process is gone as failed and free their pool slots. Returns their ids."""
    failed = []
    for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])):
        pid = gone_worker(instance, run)
        if pid is not None:
            instance.report_run_failed(run, f"Process {pid} of the run is gone; it was killed or the machine stopped.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            failed.append(run.run_id)
    return failed
