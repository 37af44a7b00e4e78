"""Deleting the copy with a purge: all of it, or what came by Strava's API. No key is needed."""

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest.copy_store import CopyStore
from strava_pipeline.lake.copied import API, SHELVES, SNAPSHOT, forget_copy, forget_shelves, known_copy
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.copies.opened import HEAD, head_of


def delete_copy(lake: Lake, store: CopyStore, *, api: bool = False) -> int:
    """Delete the copy of this folder; returns how many objects there were.

    Args:
        api: delete only what came by Strava's API, and the snapshot, which has some of it.

    Raises PipelineError where the store fails, keeps an object, has no copy, or another folder's, which stays.
    """
    known, head = known_copy(lake), head_of(store)
    if head is None:
        raise PipelineError(f"The copy is not in {store.where}. Is its disk mounted?")
    if known is None or known.id != head[0]:
        raise PipelineError(
            f"The copy in {store.where} is another folder's, or this folder has lost what belongs to it."
        )
    shelves = (API, SNAPSHOT) if api else SHELVES
    places = {place for shelf in shelves for place in store.sizes(f"{shelf}/")}
    store.delete(places)
    for shelf in shelves:
        store.delete_unfinished(f"{shelf}/*")
    if left := {place for shelf in shelves for place in store.sizes(f"{shelf}/")}:
        raise PipelineError(
            f"{store.where} still has {len(left)} objects of the copy after it said that it deleted them."
        )
    if api:
        forget_shelves(lake)
        return len(places)
    store.delete([HEAD])
    store.delete_unfinished(HEAD)
    forget_copy(lake)
    return len(places) + 1
