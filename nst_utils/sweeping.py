"""One task for many settings: a table that a stop, an error or a lost machine does not destroy."""

import hashlib
import itertools
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from nst_utils.errors import NSTError

Record = dict[str, object]


def sweep(
    grid: Mapping[str, Iterable] | Iterable[Mapping[str, object]],
    task: Callable[..., float | Mapping[str, object]],
    *,
    cache: str | Path | None = None,
    n_jobs: int | None = None,
    progress: bool = True,
) -> list[Record]:
    """Call `task(**settings)` for every setting of a grid and return the table of records.

    The calls go through joblib: inside `with joblib.parallel_config(backend="dask")` the same
    sweep runs on a Dask cluster. A setting that fails is recorded with its error and does not stop
    the others.

    Args:
        grid: a dict from names to lists of values, of which all combinations are run; or a list of
            settings, each a dict. Values are what JSON can hold.
        task: a function; it returns a number, which becomes "value", or a dict of such.
        cache: a folder. Every result is written there at once, under a hash of the task's name and
            its settings, and is not computed again: a stopped sweep goes on where it was. Use
            another folder when you change what the task does. Errors are not kept.
        n_jobs: processes at a time; None is one, or what `joblib.parallel_config` says.
        progress: show a bar.

    Returns:
        One record for each setting, in the grid's order, for `pandas.DataFrame`: the settings,
        what the task returned, and "seconds"; or the settings and "error". After Ctrl-C or the
        notebook's stop button, the records until then.

    Raises:
        NSTError: an empty grid, settings that JSON cannot hold, or a task without a name.
    """
    settings = settings_of(grid)
    paths = [_path(cache, task, these) for these in settings]
    calls = (delayed(_run)(task, *pair) for pair in zip(settings, paths, strict=True))
    done = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)(calls)
    records: list[Record] = []
    bar = tqdm(total=len(settings), disable=not progress, leave=False, unit="setting")
    try:
        for these, result in zip(settings, done, strict=True):
            records.append({**these, **result})
            bar.update()
    except KeyboardInterrupt:
        print(f"Stopped after {len(records)} of {len(settings)} settings.")
    finally:
        bar.total = bar.n  # else a notebook keeps the bar of a run that ended early, in red
        bar.close()
    return records


def settings_of(grid: Mapping[str, Iterable] | Iterable[Mapping[str, object]]) -> list[Record]:
    """The settings of a grid, in order; the last name of a dict varies fastest."""
    if isinstance(grid, Mapping):
        values = [[v] if isinstance(v, str) else list(v) for v in grid.values()]
        settings = [dict(zip(grid, these, strict=True)) for these in itertools.product(*values)]
    else:
        settings = [dict(these) for these in grid]
    if not settings or not all(settings):
        raise NSTError("The grid has no settings; give each name at least one value.")
    return settings


def _path(cache: str | Path | None, task: Callable, settings: Record) -> Path | None:
    """Where a result is kept: the same for the same task and settings, on every machine."""
    name = getattr(task, "__qualname__", None)
    if name is None:
        raise NSTError(f"The task {task!r} has no name to be kept under; make it a function.")
    try:
        text = json.dumps([task.__module__, name, settings], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise NSTError(f"JSON cannot hold the settings {settings}: {error}.") from error
    digest = hashlib.sha256(text.encode()).hexdigest()
    return None if cache is None else Path(cache) / f"{digest[:32]}.json"


def _run(task: Callable, settings: Record, path: Path | None) -> Record:
    """One setting, in whatever process it lands: the kept result, or a new one."""
    if path is not None and path.is_file():
        return json.loads(path.read_text())["result"]
    began = time.perf_counter()
    try:
        result = _plain(task(**settings), settings)
        result["seconds"] = round(time.perf_counter() - began, 3)
        text = json.dumps({"settings": settings, "result": result}, indent=1)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: a file is whole or not there, whoever else writes it, too.
        beside = path.with_suffix(f".{uuid.uuid4().hex}")
        beside.write_text(text + "\n")
        os.replace(beside, path)
    return json.loads(text)["result"]


def _plain(result: object, settings: Record) -> Record:
    """What a task returned as a dict that JSON can hold."""
    values = dict(result) if isinstance(result, Mapping) else {"value": result}
    taken = {"seconds", "error", *settings} & set(values)
    if taken:
        raise NSTError(f"The task returned {sorted(taken)}, which the record has already.")
    # Zero-dimensional tensors and NumPy's numbers become Python's.
    return {k: v.item() if hasattr(v, "item") else v for k, v in values.items()}
