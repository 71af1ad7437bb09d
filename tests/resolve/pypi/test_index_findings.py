"""What is said of indexes that do not answer, refuse, keep back, or are passed over."""

from __future__ import annotations

import json

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolver import Context
from tests.resolve.pypi.resolving import LINUX, filenames, resolve
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import wheel


def test_an_index_page_that_uv_alone_does_not_read_is_told_as_one(index: IndexServer, project: Context) -> None:
    old, new = ({"filename": f"app-{one}-py3-none-any.whl", "url": f"{one}.whl", "hashes": {}} for one in "12")
    page = json.dumps({"meta": {"api-version": "1.0"}, "name": "app", "files": [{**old, "size": "many"}, new]})
    index.fail("app", Fault(body=page.encode(), content_type="application/vnd.pypi.simple.v1+json"))
    outcome = resolve(index, ["app"], LINUX, project)
    (finding,) = outcome.findings
    assert (outcome.failed, finding.code) == (True, Code.INDEX_UNREADABLE)
    assert finding.message.startswith(f"The package index {index.url} answers with something unusable: JSON that is no")


def test_an_index_that_is_passed_over_as_pip_does_is_named_whether_all_is_found_or_not(
    index: IndexServer, project: Context
) -> None:
    index.add(wheel("demo", "1.0"))
    forged = "http://user:secret@packages.example/simple"
    indexes = Indexes(index_url=index.url, extra_index_urls=(forged,))

    found = resolve(index, ["demo"], LINUX, project, indexes=indexes)
    absent = resolve(index, ["only-there"], LINUX, project, indexes=indexes)

    assert filenames(found) == ["demo-1.0-py3-none-any.whl"]
    assert [(one.code, one.severity) for one in found.findings] == [(Code.INDEX_IGNORED, Severity.WARNING)]
    assert [one.code for one in absent.findings] == [Code.NO_SUCH_PACKAGE, Code.INDEX_IGNORED]
    assert "secret" not in str((found, absent))
    assert absent.findings[1].fix == "Use https, or add `trusted-host = packages.example` to pip's configuration."


def test_an_index_that_stops_answering_is_used_as_it_was_and_said_so(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0", requires=["demo"]), wheel("demo", "1.0"))
    before = resolve(index, ["app"], LINUX, project)
    for name in ("app", "demo"):
        index.fail(name, Fault(status=503))

    after = resolve(index, ["app"], LINUX, msgspec.structs.replace(project, refresh=True))

    assert after.resolution == before.resolution
    assert [(finding.code, finding.severity) for finding in after.findings] == [
        (Code.INDEX_UNREACHABLE, Severity.NOTICE)
    ]


def test_an_index_that_fails_on_a_dependency_leaves_it_open(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0", requires=["demo"]), wheel("demo", "1.0"))
    index.fail("demo", Fault(status=503))

    outcome = resolve(index, ["app"], LINUX, project)

    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.INDEX_UNREACHABLE]


def test_an_index_that_never_answered_fails_without_a_verdict(project: Context) -> None:
    with IndexServer() as server:
        url = server.url

    outcome = resolve(server, ["demo"], LINUX, project)

    assert url
    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.INDEX_UNREACHABLE]


def test_an_index_that_wants_credentials_fails_and_never_shows_those_it_got(project: Context) -> None:
    with IndexServer(credentials=("user", "right")) as server:
        server.add(wheel("demo", "1.0"))
        right = resolve(server, ["demo"], LINUX, project, indexes=Indexes(index_url=server.url_with_credentials))
        wrong_url = server.url_with_credentials.replace("right", "wrong-secret")
        elsewhere = msgspec.structs.replace(project, cache_dir=f"{project.cache_dir}-2")
        wrong = resolve(server, ["demo"], LINUX, elsewhere, indexes=Indexes(index_url=wrong_url))

    assert filenames(right) == ["demo-1.0-py3-none-any.whl"]
    assert "right" not in msgspec.json.encode(right).decode()
    assert wrong.failed
    assert [finding.code for finding in wrong.findings] == [Code.INDEX_REFUSES]
    assert "secret" not in msgspec.json.encode(wrong).decode()


def test_a_password_that_is_wrong_now_never_ends_in_an_older_version(index: IndexServer, project: Context) -> None:
    """The index shows what is stored and refuses the rest, which uv takes for not being there."""
    index.add(wheel("app", "2.0", requires=["lib"]), wheel("app", "1.0"), wheel("lib", "1.0"))
    resolve(index, ["app<2"], LINUX, project)
    index.fail("lib", Fault(status=401))

    refused = resolve(index, ["app"], LINUX, project)
    index.fail("lib", None)

    assert refused.failed
    assert [finding.code for finding in refused.findings] == [Code.INDEX_REFUSES]
    assert filenames(resolve(index, ["app"], LINUX, project))[0] == "app-2.0-py3-none-any.whl"


def test_what_one_password_saw_is_no_answer_to_another(project: Context) -> None:
    with IndexServer(credentials=("user", "right")) as server:
        server.add(wheel("demo", "1.0"))
        right = server.url_with_credentials
        resolve(server, ["demo"], LINUX, project, indexes=Indexes(index_url=right))
        wrong = resolve(server, ["demo"], LINUX, project, indexes=Indexes(index_url=right.replace("right", "wrong")))

    assert wrong.failed
    assert [finding.code for finding in wrong.findings] == [Code.INDEX_REFUSES]


def test_a_package_that_the_index_may_keep_back_is_a_warning(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "2.0", requires=["lib"]), wheel("app", "1.0"))
    index.fail("lib", Fault(status=403))

    outcome = resolve(index, ["app"], LINUX, project)

    assert filenames(outcome) == ["app-1.0-py3-none-any.whl"]
    assert [(f.code, f.severity, f.package) for f in outcome.findings] == [
        (Code.INDEX_REFUSES, Severity.WARNING, "lib")
    ]


def test_an_index_that_fails_on_a_dependency_is_not_taken_for_one_without_it(
    index: IndexServer, project: Context
) -> None:
    index.add(wheel("app", "2.0", requires=["lib"]), wheel("app", "1.0"), wheel("lib", "1.0"))
    resolve(index, ["app<2"], LINUX, project)
    index.fail("lib", Fault(status=503))

    outcome = resolve(index, ["app"], LINUX, project)

    assert outcome.failed
    assert [finding.code for finding in outcome.findings] == [Code.INDEX_UNREACHABLE]
