"""Every private name of Dagster's that the project uses, each with its reason. No other file imports `dagster._…`.

A release of Dagster may move any of them: then this is the file to check. A name is imported on first use, because most
processes need only a few, and some of the modules take a second to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # mypy's view of the table below
    from dagster._check import CheckError as CheckError
    from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME as IMPLICIT_ASSET_JOB_NAME
    from dagster._core.definitions.job_base import InMemoryJob as InMemoryJob
    from dagster._core.definitions.source_asset import (
        SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION,
    )
    from dagster._core.definitions.unresolved_asset_job_definition import (
        UnresolvedAssetJobDefinition as UnresolvedAssetJobDefinition,
    )
    from dagster._core.errors import DagsterUserCodeUnreachableError as DagsterUserCodeUnreachableError
    from dagster._core.events import RunFailureReason as RunFailureReason
    from dagster._core.execution.api import execute_run as execute_run
    from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES as BULK_ACTION_TERMINAL_STATUSES
    from dagster._core.execution.plan.active import logger as logger
    from dagster._core.launcher import CheckRunHealthResult as CheckRunHealthResult
    from dagster._core.launcher import LaunchRunContext as LaunchRunContext
    from dagster._core.launcher import WorkerStatus as WorkerStatus
    from dagster._core.remote_origin import (
        ManagedGrpcPythonEnvCodeLocationOrigin as ManagedGrpcPythonEnvCodeLocationOrigin,
    )
    from dagster._core.remote_origin import RemoteJobOrigin as RemoteJobOrigin
    from dagster._core.remote_origin import RemoteRepositoryOrigin as RemoteRepositoryOrigin
    from dagster._core.scheduler.instigation import InstigatorState as InstigatorState
    from dagster._core.scheduler.instigation import InstigatorStatus as InstigatorStatus
    from dagster._core.scheduler.instigation import InstigatorTick as InstigatorTick
    from dagster._core.scheduler.instigation import InstigatorType as InstigatorType
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as AssetCheckExecutionsTable
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata as SqlEventLogStorageMetadata
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage as SqlEventLogStorage
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage as SqliteEventLogStorage
    from dagster._core.storage.runs import SqlRunStorage as SqlRunStorage
    from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage as SqliteRunStorage
    from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import (
        SqliteScheduleStorage as SqliteScheduleStorage,
    )
    from dagster._core.storage.sql import get_alembic_config as get_alembic_config
    from dagster._core.storage.sqlite_storage import DagsterSqliteStorage as DagsterSqliteStorage
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin as LoadableTargetOrigin
    from dagster._core.utils import FuturesAwareThreadPoolExecutor as FuturesAwareThreadPoolExecutor
    from dagster._core.workspace.context import WorkspaceProcessContext as WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget as WorkspaceFileTarget
    from dagster._grpc.client import DagsterGrpcClient as DagsterGrpcClient
    from dagster._grpc.proxy_server import DagsterProxyApiServicer as DagsterProxyApiServicer
    from dagster._grpc.server import DagsterGrpcServer as DagsterGrpcServer
    from dagster._grpc.types import CanCancelExecutionRequest as CanCancelExecutionRequest
    from dagster._grpc.types import CanCancelExecutionResult as CanCancelExecutionResult
    from dagster._serdes.config_class import ConfigurableClassData as ConfigurableClassData
    from dagster._utils.log import configure_loggers as configure_loggers
    from dagster._utils.schedules import cron_string_iterator as cron_string_iterator
    from dagster._utils.schedules import get_latest_completed_cron_tick as get_latest_completed_cron_tick
    from dagster._utils.schedules import is_valid_cron_string as is_valid_cron_string
    from dagster._utils.schedules import schedule_execution_time_iterator as schedule_execution_time_iterator

_NAMES: dict[str, list[str]] = {
    # The extension point `storage` of dagster.yaml takes a class; its base classes are not exported (docs/adr/0034).
    # With the table of checks, which `delete_run` leaves (docs/adr/0039).
    "dagster._core.storage.event_log.schema": ["SqlEventLogStorageMetadata", "AssetCheckExecutionsTable"],
    "dagster._core.storage.event_log.sqlite.sqlite_event_log": ["SqliteEventLogStorage"],
    "dagster._core.storage.runs.sqlite.sqlite_run_storage": ["SqliteRunStorage"],
    "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage": ["SqliteScheduleStorage"],
    "dagster._core.storage.sql": ["get_alembic_config"],
    "dagster._core.storage.sqlite_storage": ["DagsterSqliteStorage"],
    "dagster._serdes.config_class": ["ConfigurableClassData"],
    # The extension point `run_launcher` of dagster.yaml takes a class; its signatures are not exported (docs/adr/0034).
    "dagster._core.launcher": ["CheckRunHealthResult", "LaunchRunContext", "WorkerStatus"],
    "dagster._grpc.types": ["CanCancelExecutionRequest", "CanCancelExecutionResult"],
    # A command's run belongs to the workspace's job, so that it can be executed again from the UI; no public name tells
    # where code runs (docs/adr/0038).
    "dagster._core.remote_origin": [
        "ManagedGrpcPythonEnvCodeLocationOrigin",
        "RemoteJobOrigin",
        "RemoteRepositoryOrigin",
    ],
    "dagster._core.types.loadable_target_origin": ["LoadableTargetOrigin"],
    # `execute_in_process` for a run that was created before.
    "dagster._core.definitions.job_base": ["InMemoryJob"],
    "dagster._core.execution.api": ["execute_run"],
    # The web server behind a check of who asks, without the modules that it does not need (docs/adr/0043).
    "dagster._core.errors": ["DagsterUserCodeUnreachableError"],
    "dagster._core.utils": ["FuturesAwareThreadPoolExecutor"],
    "dagster._grpc.client": ["DagsterGrpcClient"],
    "dagster._grpc.proxy_server": ["DagsterProxyApiServicer"],
    "dagster._grpc.server": ["DagsterGrpcServer"],
    "dagster._core.workspace.context": ["WorkspaceProcessContext"],
    "dagster._core.workspace.load_target": ["WorkspaceFileTarget"],
    "dagster._utils.log": ["configure_loggers"],
    # Whether the scheduler lives and what it will do next is asked of the instance, which has no public names for that.
    "dagster._core.scheduler.instigation": ["InstigatorState", "InstigatorStatus", "InstigatorTick", "InstigatorType"],
    "dagster._utils.schedules": [
        "cron_string_iterator",
        "get_latest_completed_cron_tick",
        "is_valid_cron_string",
        "schedule_execution_time_iterator",
    ],
    # Records of old runs are removed, also the rows that `delete_run` leaves (docs/adr/0039).
    "dagster._core.execution.backfill": ["BULK_ACTION_TERMINAL_STATUSES"],
    "dagster._core.storage.event_log.sql_event_log": ["SqlEventLogStorage"],
    # Runs are counted by job and status in one query; the instance has one that reads each run.
    "dagster._core.storage.runs": ["SqlRunStorage"],
    # A step reports those years of its run that it made, and its output lets the steps below go on all the same: an
    # output with this mark reports nothing by itself (docs/adr/0082).
    "dagster._core.definitions.source_asset": ["SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION"],
    # A quiet run skips all steps below its listing, and Dagster warns of each blocking check there.
    "dagster._core.execution.plan.active": ["logger"],
    # What Dagster returns or raises and does not export.
    "dagster._check": ["CheckError"],
    "dagster._core.events": ["RunFailureReason"],
    "dagster._core.definitions.assets.job.asset_job": ["IMPLICIT_ASSET_JOB_NAME"],
    "dagster._core.definitions.unresolved_asset_job_definition": ["UnresolvedAssetJobDefinition"],
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return found
