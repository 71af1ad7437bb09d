"""Run by the project's own Python: asks the Metaflow that is installed there for environment ids.

A script of its own for Python 3.7 and up that imports nothing of mfenv. A question comes in as JSON over stdin, answers
go out as lines of JSON over what was stdout; what flows print goes to stderr.

Flow files are loaded and handed to Metaflow's own command line, where a command in the place of `run` (or of a
deployer) stops after everything that can change an environment: configuration, mutators, `--with`, DECOSPECS. Each
file is loaded in a process of its own, and each launch of it in a copy of that.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import select
import signal
import sys
import time
import traceback
import types
from typing import Any, Callable, Iterator

Say = Callable[[Any], None]

_OURS = __file__
_LARGEST = 16 * 1024 * 1024
_dialect: Any = None
"""Whose environments are asked about: see `_speak`."""

_DEPLOYED = {
    "argo-workflows": ["kubernetes", "environment"],
    "airflow": ["kubernetes"],
    "step-functions": ["batch"],
}
"""What `create` of each attaches to every step, after the step's own decorators were set up."""


def main() -> None:
    """Answers one question."""
    if sys.path[:1] == [os.path.dirname(os.path.abspath(_OURS))]:
        del sys.path[0]
    answers = os.fdopen(os.dup(1), "wb", 0)
    question = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    try:
        metaflow = _imported("metaflow")
        _imported("metaflow.cli")
        _without_tools()
        extension = _extension()
        known = (extension or "") in question["dialects"]
        if known:
            _speak(question["dialects"][extension or ""])
    except BaseException as error:  # whatever a broken installation does
        _say(answers, {"error": _failure(error, "import"), "python": _python()})
        return
    _say(answers, {"metaflow": _version(metaflow), "python": _python(), "extension": extension})
    if not known:
        return
    if question.get("declared"):
        for answer in _declared(question["declared"], question["datastore"]):
            _say(answers, answer)
    for file in question.get("files", ()):
        for answer in _in_child(functools.partial(_load_file, file, question), question["seconds"]):
            _say(answers, dict(answer, path=file["path"]))


def _imported(name: str) -> Any:
    return importlib.import_module(name)


def _say(stream: Any, answer: Any) -> None:
    stream.write(json.dumps(answer).encode("utf-8") + b"\n")


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _version(metaflow: Any) -> str:
    return str(getattr(metaflow, "__version__", ""))


def _extension() -> str | None:
    """The version of the extension that Metaflow's environments are of; None for Metaflow's own."""
    for one in _imported("metaflow.plugins").ENVIRONMENTS:
        package = ".".join(one.__module__.split(".")[:2])
        if one.TYPE == "conda" and package.startswith("metaflow_extensions."):
            try:
                return str(_imported(package + ".toplevel.nflxext_version").nflxext_version)
            except (ImportError, AttributeError):
                return "of " + package
    return None


def _speak(path: str) -> None:
    """From here on environments are asked about in the dialect that the script at `path` speaks."""
    global _dialect  # noqa: PLW0603 - a process speaks one dialect
    spec = importlib.util.spec_from_file_location("__mfenv_dialect__", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _dialect = module.Dialect(sys.modules[__name__])


def _failure(error: BaseException, stage: str) -> dict[str, Any]:
    """An error as a value; the last line of the flow's own that it went through, where there is one."""
    if isinstance(error, SystemExit):
        text = f"it ended with exit code {error.code}"
    else:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
    message = getattr(error, "message", None) if hasattr(error, "headline") else None
    frames = traceback.extract_tb(error.__traceback__)
    places = [[frame.filename, frame.lineno] for frame in frames if _is_users(frame.filename)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append([error.filename, error.lineno])
    return {
        "stage": stage,
        "type": type(error).__name__,
        "text": str(message or text),
        "places": places[-20:],
        "passes": getattr(error, "passes", False) is True,
    }


def _is_users(filename: str) -> bool:
    """Whether a file is neither ours nor installed."""
    installed = os.sep + "site-packages" + os.sep
    return filename != _OURS and not filename.startswith(("<", sys.base_prefix)) and installed not in filename


def _without_tools() -> None:
    """Metaflow looks for micromamba, and some releases install it, before it is known whether it is needed."""
    micromamba = _imported("metaflow.plugins.pypi.micromamba")
    micromamba.Micromamba = _Nothing
    _imported("metaflow.plugins.pypi.pip").Micromamba = _Nothing
    config = _imported("metaflow.metaflow_config")
    storage = _imported("metaflow.plugins.datastores.local_storage").LocalStorage
    find = storage.get_datastore_root_from_config.__func__

    def root_without_making_it(cls: Any, echo: Any, create_on_absent: bool = True) -> Any:
        found = find(cls, echo, create_on_absent=False)
        if found is None and create_on_absent:
            return os.path.join(
                os.path.realpath(os.getcwd()), getattr(cls, "DATASTORE_DIR", config.DATASTORE_LOCAL_DIR)
            )
        return found

    storage.get_datastore_root_from_config = classmethod(root_without_making_it)


class _Nothing:
    def __init__(self, *_: Any, **__: Any) -> None:
        pass


def _in_child(work: Callable[[Say], None], seconds: float) -> Iterator[dict[str, Any]]:
    """What `work(say)` says in a copy of this process, ended after `seconds` with all that it started."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        status = 1
        try:
            os.setsid()
            work(lambda answer: _say_raw(theirs, answer))
            status = 0
        except BaseException as error:
            _say_raw(theirs, {"error": _failure(error, "load")})
        finally:
            # Neither the flow's exit handlers nor its threads have anything to do here.
            os._exit(status)
    os.close(theirs)
    content, ended = _read(ours, child, time.time() + seconds)
    os.close(ours)
    lines = [line for line in content.split(b"\n") if line.endswith(b"}")]
    for line in lines:
        yield json.loads(line.decode("utf-8"))
    if not lines and ended is None:
        ended = "it ended the process"
    if ended is not None:
        yield {"error": {"stage": "load", "type": ended, "text": ended, "places": []}}


def _say_raw(stream: int, answer: Any) -> None:
    content = json.dumps(answer).encode("utf-8") + b"\n"
    while content:
        content = content[os.write(stream, content) :]


def _read(stream: int, child: int, deadline: float) -> tuple[bytes, str | None]:
    """All that comes until the child has ended, and why it did not end well: None, `timeout`, `output`, `signal N`."""
    content, why, status = b"", None, None
    while status is None or select.select([stream], [], [], 0)[0]:
        if select.select([stream], [], [], 0.02)[0]:
            part = os.read(stream, 65536)
            content += part
            if not part and status is not None:
                break
            if not part:
                time.sleep(0.005)
        if status is None:
            pid, code = os.waitpid(child, os.WNOHANG)
            status = code if pid else None
        if len(content) > _LARGEST or time.time() > deadline:
            why = "output" if len(content) > _LARGEST else "timeout"
            break
    try:
        os.killpg(child, signal.SIGKILL)
    except OSError:
        pass
    if status is None:
        os.waitpid(child, 0)
    elif os.WIFSIGNALED(status):
        why = f"signal {os.WTERMSIG(status)}"
    return content, why


def _load_file(file: Any, question: Any, say: Say) -> None:
    """Loads a flow file and asks each launch of each of its flows."""
    path = file["path"]
    # A file that is saved twice in a second has the time and the size of what was compiled before.
    sys.dont_write_bytecode = True
    # As `python path` has it.
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    sys.modules["__main__"].__file__ = path
    flows = _flows(_loaded(path), file.get("flows") or ())
    say({"files": _project_files(question["root"])})
    seconds = max(1.0, question["seconds"] - 1.0)
    for name, flow in flows:
        for launch in file["launches"]:
            answers = _in_child(functools.partial(_launch, flow, path, launch, question), seconds)
            for answer in answers:
                say(dict(answer, flow=name, launch=launch["name"]))


def _loaded(path: str) -> Any:
    """The file as a module that is not `__main__`: what it does only when it is started is not done."""
    module = types.ModuleType("__mfenv_flow__")
    module.__file__ = path
    sys.modules[module.__name__] = module
    with open(path, "rb") as source:
        code = compile(source.read(), path, "exec")
    exec(code, module.__dict__)
    return module


def _flows(module: Any, names: Any) -> list[tuple[str, Any]]:
    """The flows by name; those that the file defines where none is named."""
    base = _imported("metaflow").FlowSpec
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    ]
    wanted = [flow for flow in found if flow.__name__ in names] if names else []
    wanted += [flow for flow in found if flow.__module__ == module.__name__ and flow not in wanted]
    return [(flow.__name__, flow) for flow in dict.fromkeys(wanted)]


def _project_files(root: str) -> list[str]:
    """The modules of the project that were imported."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return sorted(file for file in files if file and file.startswith(root + os.sep) and _is_users(file))


def _launch(flow: Any, path: str, launch: Any, question: Any, say: Say) -> None:
    """Hands the flow to Metaflow's command line, with our command where `run` or a deployer's would be."""
    cli = _imported("metaflow.cli")
    _report_errors(cli, say)
    command = launch["command"]
    decorated = _run_command(say) if command == "run" else _deploy_command(command, say)
    getattr(cli.cli, "lazy_subcommands", {}).pop(command, None)
    cli.cli.add_command(decorated, command)
    top = ["--quiet", "--no-pylint", "--environment=" + _dialect.environment, "--metadata=local"]
    top += ["--event-logger=nullSidecarLogger", "--monitor=nullSidecarMonitor"]
    if question["datastore"]:
        top.append("--datastore=" + question["datastore"])
    specs = [part for spec in launch["with"] for part in ("--with", spec)]
    if command == "run":
        sys.argv = [path, *top, command, *specs]
    else:
        sys.argv = [path, *top, *specs, command]
    flow()


def _report_errors(cli: Any, say: Say) -> None:
    def report(error: BaseException) -> None:
        if isinstance(error, SystemExit) and not error.code:
            return
        say({"error": _failure(error, "metaflow")})
        os._exit(0)

    cli.print_metaflow_exception = report
    cli.print_unknown_exception = report
    # Wrong usage: click prints it and exits.
    click = _imported("metaflow._vendor.click")
    click.exceptions.ClickException.show = lambda self, file=None: report(_UsageError(self.format_message()))  # noqa: ARG005 - click's signature
    click.exceptions.UsageError.show = click.exceptions.ClickException.show


class _UsageError(Exception):
    headline = "Usage"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _run_command(say: Say) -> Any:
    """As `run` begins (`before_run`), without checking the graph and without packaging."""
    click = _imported("metaflow._vendor.click")
    try:
        module = _imported("metaflow.cli_components.run_cmds")
    except ImportError:
        module = _imported("metaflow.cli")
    attaching = [option for option in module.run.params if option.name == "decospecs"]
    module.MetaflowPackage = _Nothing

    def run(obj: Any, decospecs: Any = ()) -> None:
        obj.check = lambda *_, **__: None
        module.before_run(obj, (), decospecs)
        _tell(obj, say)

    return click.Command("run", params=attaching, callback=click.pass_obj(run))


def _deploy_command(name: str, say: Say) -> Any:
    """As a deployer's `create` begins."""
    click = _imported("metaflow._vendor.click")

    def deploy(obj: Any) -> None:
        decorators = _imported("metaflow.decorators")
        decorators._attach_decorators(obj.flow, _DEPLOYED[name])
        if hasattr(decorators, "_process_late_attached_decorator"):
            late = (obj.flow, obj.graph, obj.environment, obj.flow_datastore, obj.logger)
            decorators._process_late_attached_decorator(_DEPLOYED[name], *late)
        else:
            if hasattr(decorators, "_init"):
                decorators._init(obj.flow)
            decorators._init_step_decorators(obj.flow, obj.graph, obj.environment, obj.flow_datastore, obj.logger)
        _tell(obj, say)

    return click.Command(name, callback=click.pass_obj(deploy))


def _tell(obj: Any, say: Say) -> None:
    """What Metaflow would make of each step; nothing of the flow runs after this."""
    steps = [_dialect.step(obj.environment, step) for step in obj.flow]
    say(dict(_dialect.place(obj.environment), steps=steps))
    os._exit(0)


def _declared(declared: Any, datastore: str | None) -> Iterator[dict[str, Any]]:
    """Ids of steps as they were read, without their code: Metaflow's functions on decorators that we make."""
    try:
        classes = _step_decorators()
        environment = _dialect.bare(datastore)
        place = _dialect.place(environment)
    except BaseException as error:
        yield {"error": _failure(error, "metaflow")}
        return
    for one in declared:
        steps = [_dialect.read(environment, classes, step) for step in one["steps"] if _dialect.knows(step)]
        yield dict(place, path=one["path"], flow=one["flow"], launch=one["launch"], steps=steps)


class Step:
    """What Metaflow's functions look at of a step."""

    def __init__(self, name: str, decorators: Any) -> None:
        self.name = name
        self.decorators = decorators


def _step_decorators() -> dict[str, Any]:
    plugins = _imported("metaflow.plugins")
    return {decorator.name: decorator for decorator in plugins.STEP_DECORATORS}


def other(known: Any, name: str) -> Any:
    """What counts of a decorator that makes no environment."""
    made: Any = _Nothing()
    made.name = name
    made.attributes = {}
    if known is not None:
        made.supports_conda_environment = getattr(known, "supports_conda_environment", False)
        if hasattr(known, "target_platform"):
            made.target_platform = known.target_platform
    return made


if __name__ == "__main__":
    main()
