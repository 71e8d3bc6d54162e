"""What is committed: changes of every kind, as they are; and what is left out, with the reason."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.git_files import git, repository, tree_that_git_adds, write

from actors.automation.checkout import GitCheckout
from actors.automation.contract import ChangeKind, FileChange, Limits, Snapshot
from actors.automation.origin import GitHost
from actors.errors import ChangesRefusedError

FILES: dict[str, str | bytes] = {
    "kept.txt": "kept\n",
    "text.txt": "text\n",
    "long.py": "".join(f"line_{number} = {number}\n" for number in range(30)),
    "run.sh": "#!/bin/sh\n",
    "image.png": b"\x89PNG\0\1\2",
}


async def taken(where: Path, limits: Limits | None = None) -> Snapshot:
    return await GitCheckout(where, GitHost("https://github.com"), limits, deadline_s=20).snapshot(None)


def left(snapshot: Snapshot) -> dict[str, str]:
    return {one.path: one.reason for one in snapshot.left_out}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "app", FILES)


async def test_each_kind_of_change_is_told(repo: Path):
    (repo / "kept.txt").unlink()
    write(repo, {"text.txt": "other\n", "new.bin": b"\0\1", "image.png": b"\x89PNG\0\3"})
    (repo / "moved").mkdir()
    (repo / "long.py").rename(repo / "moved/long.py")
    (repo / "run.sh").chmod(0o755)

    assert (await taken(repo)).changes == (
        FileChange("image.png", ChangeKind.MODIFIED, 6, binary=True),
        FileChange("kept.txt", ChangeKind.DELETED, 0),
        FileChange("moved/long.py", ChangeKind.RENAMED, len(FILES["long.py"]), before="long.py"),
        FileChange("new.bin", ChangeKind.ADDED, 2, binary=True),
        FileChange("run.sh", ChangeKind.MODE, len(FILES["run.sh"])),
        FileChange("text.txt", ChangeKind.MODIFIED, 6),
    )


async def test_a_file_that_became_a_link_is_committed_as_a_link(repo: Path):
    (repo / "text.txt").unlink()
    (repo / "text.txt").symlink_to("/etc/passwd")
    snapshot = await taken(repo)

    assert snapshot.changes == (FileChange("text.txt", ChangeKind.MODE, len("/etc/passwd")),)
    assert git(repo, "cat-file", "-p", f"{snapshot.tree}:text.txt") == "/etc/passwd"


async def test_a_folder_in_a_file_s_place_and_the_other_way_round(repo: Path, tmp_path: Path):
    (repo / "text.txt").unlink()
    write(repo, {"text.txt/inside": "in\n", "lib/a": "a\n"})
    git(repo, "add", "lib/a")
    (repo / "lib/a").unlink()
    (repo / "lib").rmdir()
    write(repo, {"lib": "now a file\n"})
    assert (await taken(repo)).tree == tree_that_git_adds(repo, tmp_path / "copy")


async def test_names_that_are_no_text_are_committed(repo: Path, tmp_path: Path):
    names = [
        b"caf\xe9",
        b"new\nline",
        b'quo"te',
        b"tab\there",
        b" space ",
        b":(top)x",
        b"-dash",
        "ü".encode(),
    ]
    for name in names:
        (Path(os.fsdecode(bytes(repo) + b"/" + name))).write_text("x\n")
    snapshot = await taken(repo)

    assert {os.fsencode(change.path) for change in snapshot.changes} == set(names)
    assert snapshot.tree == tree_that_git_adds(repo, tmp_path / "copy")


async def test_what_is_ignored_is_not_there_even_by_the_checkout_s_own_list(repo: Path):
    (repo / ".git/info/exclude").write_text("secret.env\n")
    write(repo, {"secret.env": "x", "build/out.o": "x", ".gitignore": "build/\n", "kept.txt": "more\n"})
    assert [change.path for change in (await taken(repo)).changes] == [".gitignore", "kept.txt"]


async def test_a_tracked_file_is_committed_though_a_list_would_ignore_it(repo: Path):
    write(repo, {".git/info/exclude": "text.txt\n", "text.txt": "other\n"})
    assert [change.path for change in (await taken(repo)).changes] == ["text.txt"]


async def test_a_change_in_the_second_of_the_checkout_is_seen(repo: Path):
    before = (repo / "text.txt").stat()
    write(repo, {"text.txt": "TEXT\n"})
    os.utime(repo / "text.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    os.utime(repo / ".git/index", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [change.path for change in (await taken(repo)).changes] == ["text.txt"]


async def test_a_large_file_is_left_out_with_its_size(repo: Path):
    write(repo, {"large.bin": b"\0" * 3_000_000, "text.txt": "other\n"})
    snapshot = await taken(repo, Limits(file_bytes=1024 * 1024))

    assert [change.path for change in snapshot.changes] == ["text.txt"]
    assert left(snapshot) == {"large.bin": "It has 2.9 MiB, and one file may have 1.0 MiB."}


async def test_a_tracked_file_that_grew_too_large_stays_as_it_was(repo: Path):
    write(repo, {"text.txt": b"x" * 2_000})
    snapshot = await taken(repo, Limits(file_bytes=1_000))
    assert snapshot.changes == ()
    assert git(repo, "cat-file", "-p", f"{snapshot.tree}:text.txt") == "text"


async def test_a_large_file_that_is_gone_is_gone(tmp_path: Path):
    where = repository(tmp_path / "app", {"large.bin": b"\0" * 5_000})
    (where / "large.bin").unlink()
    snapshot = await taken(where, Limits(file_bytes=1_000))
    assert [change.kind for change in snapshot.changes] == [ChangeKind.DELETED]


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(files=2), "3 files have changed, and a commit may have 2"),
        (Limits(total_bytes=2 * 1024 * 1024), "have 2.9 MiB, and a commit may have 2.0 MiB"),
    ],
)
async def test_too_much_in_all_is_refused(repo: Path, limits: Limits, told: str):
    write(repo, dict.fromkeys(("a", "b", "c"), b"\0" * 1_000_000))
    with pytest.raises(ChangesRefusedError, match=told):
        await taken(repo, limits)


async def test_the_operator_s_patterns_hold_whatever_gitignore_says(repo: Path):
    write(
        repo,
        {
            ".gitignore": "!.env\n",
            ":(top).env.pem": "x",
            ".env": "x",
            "deploy/prod.pem": "x",
            "keys/a/b": "x",
            "ok.txt": "x",
        },
    )
    snapshot = await taken(repo, Limits(refused=(".env", "*.pem", "keys/")))

    assert [change.path for change in snapshot.changes] == [".gitignore", "ok.txt"]
    assert set(left(snapshot)) == {":(top).env.pem", ".env", "deploy/prod.pem", "keys/a/b"}


async def test_the_operator_s_patterns_hold_for_tracked_files(repo: Path):
    write(repo, {"text.txt": "other\n"})
    snapshot = await taken(repo, Limits(refused=("text.*",)))
    assert (snapshot.changes, set(left(snapshot))) == ((), {"text.txt"})


async def test_a_repository_inside_is_left_out(repo: Path, tmp_path: Path):
    inside = repository(repo / "inside", {"a.txt": "a\n"})
    git(tmp_path, "init", "--quiet", str(repo / "empty"))
    snapshot = await taken(repo)

    assert snapshot.changes == ()
    assert set(left(snapshot)) == {"inside", "empty"}
    assert (inside / "a.txt").read_text() == "a\n"


@pytest.fixture
def with_submodule(repo: Path, tmp_path: Path) -> Path:
    other = repository(tmp_path / "other", {"lib.c": "int x;\n"})
    allowed = ("-c", "protocol.file.allow=always")
    git(repo, *allowed, "submodule", "--quiet", "add", str(other), "lib")
    git(repo, "commit", "--quiet", "--message", "lib")
    return repo


@pytest.mark.parametrize("is_staged", [False, True])
async def test_a_submodule_stays_at_its_commit(with_submodule: Path, is_staged: bool):
    git(with_submodule / "lib", "commit", "--quiet", "--allow-empty", "--message", "more")
    if is_staged:
        git(with_submodule, "add", "lib")
    write(with_submodule, {"text.txt": "other\n"})
    snapshot = await taken(with_submodule)

    assert [change.path for change in snapshot.changes] == ["text.txt"]
    assert left(snapshot) == {"lib": "A submodule: which of its commits is used is left as it is."}
    before = git(with_submodule, "rev-parse", "HEAD:lib")
    assert git(with_submodule, "rev-parse", f"{snapshot.tree}:lib") == before


async def test_a_submodule_s_own_changes_are_none_of_ours(with_submodule: Path):
    write(with_submodule, {"lib/lib.c": "int y;\n"})
    assert (await taken(with_submodule)).changes == ()


async def test_a_repository_that_somebody_staged_is_not_committed(repo: Path):
    repository(repo / "inside", {"a.txt": "a\n"})
    git(repo, "add", "inside")
    snapshot = await taken(repo)
    assert (snapshot.changes, set(left(snapshot))) == ((), {"inside"})
    assert snapshot.tree == git(repo, "rev-parse", "HEAD^{tree}")


async def test_a_file_of_git_lfs_is_left_out(repo: Path):
    write(repo, {".gitattributes": "*.psd filter=lfs diff=lfs -text\n", "art.psd": b"\0large"})
    snapshot = await taken(repo)
    assert left(snapshot) == {"art.psd": "Goes through the filter lfs, which is not run here."}


async def test_line_ends_are_those_that_the_checkout_asks_for(repo: Path, tmp_path: Path):
    git(repo, "config", "core.autocrlf", "input")
    write(repo, {"crlf.txt": "a\r\nb\r\n", ".gitattributes": "*.bat text eol=crlf\n", "x.bat": "a\r\n"})
    snapshot = await taken(repo)
    assert snapshot.tree == tree_that_git_adds(repo, tmp_path / "copy")
    assert git(repo, "cat-file", "-s", f"{snapshot.tree}:crlf.txt") == "4"


async def test_modes_are_left_alone_where_the_checkout_has_none(repo: Path):
    git(repo, "config", "core.fileMode", "false")
    (repo / "run.sh").chmod(0o755)
    assert (await taken(repo)).changes == ()


async def test_what_cannot_be_stored_is_left_out(repo: Path):
    (repo / "text.txt").unlink()
    os.mkfifo(repo / "text.txt")
    snapshot = await taken(repo)
    assert left(snapshot) == {"text.txt": "Neither a file nor a link."}


async def test_a_merge_that_is_not_done_is_committed_as_the_files_are(repo: Path, tmp_path: Path):
    git(repo, "checkout", "--quiet", "-b", "theirs")
    write(repo, {"text.txt": "theirs\n"})
    git(repo, "commit", "--quiet", "--all", "--message", "theirs")
    git(repo, "checkout", "--quiet", "main")
    write(repo, {"text.txt": "ours\n"})
    git(repo, "commit", "--quiet", "--all", "--message", "ours")
    with pytest.raises(AssertionError):
        git(repo, "merge", "theirs")
    assert (await taken(repo)).tree == tree_that_git_adds(repo, tmp_path / "copy")


async def test_an_index_in_two_parts_is_read(repo: Path, tmp_path: Path):
    git(repo, "update-index", "--split-index")
    write(repo, {"text.txt": "other\n"})
    git(repo, "add", "text.txt")
    assert (await taken(repo)).tree == tree_that_git_adds(repo, tmp_path / "copy")


async def test_files_that_a_sparse_checkout_leaves_away_stay_in_the_tree(tmp_path: Path):
    where = repository(tmp_path / "app", {"a/x": "x\n", "b/y": "y\n", "top": "t\n"})
    git(where, "sparse-checkout", "set", "a")
    write(where, {"a/x": "other\n"})
    snapshot = await taken(where)
    assert [change.path for change in snapshot.changes] == ["a/x"]
    assert git(where, "cat-file", "-p", f"{snapshot.tree}:b/y") == "y"


NAMES = st.sampled_from(["a", "b", "dir/a", "dir/b", "dir/sub/c", "x.log", ".gitignore", "ü", "sp ace"])
CONTENT = st.sampled_from([b"", b"one\n", b"two\r\n", b"\0\1\2", b"*.log\n", b"dir/\n", b"one\n" * 50])
EDIT = st.one_of(
    st.tuples(st.just("write"), NAMES, CONTENT),
    st.tuples(st.just("remove"), NAMES, st.none()),
    st.tuples(st.just("link"), NAMES, st.sampled_from([b"a", b"../up", b"/etc/passwd"])),
    st.tuples(st.just("mode"), NAMES, st.none()),
    st.tuples(st.just("stage"), NAMES, st.none()),
)


def edit(where: Path, what: str, name: str, content: bytes | None) -> None:
    """Do it, where it can be done."""
    path = where / name
    inside = all(not parent.is_symlink() for parent in path.parents if parent.is_relative_to(where))
    if not inside or path.is_dir():
        return
    if what in ("write", "link", "remove"):
        path.unlink(missing_ok=True)
    if what in ("write", "link") and content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if what == "write":
            path.write_bytes(content)
        else:
            path.symlink_to(os.fsdecode(content))
    elif what == "mode" and path.is_file() and not path.is_symlink():
        path.chmod(0o755)
    elif what == "stage" and (path.exists() or path.is_symlink()):
        git(where, "add", "--force", "--", name)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(EDIT, max_size=6), after=st.lists(EDIT, max_size=8))
async def test_any_edits_make_the_tree_that_git_would_add(
    before: list[tuple[str, str, bytes | None]], after: list[tuple[str, str, bytes | None]]
):
    with tempfile.TemporaryDirectory() as home:
        where = repository(Path(home) / "app", {})
        for one in before:
            edit(where, *one)
        git(where, "add", "--all")
        git(where, "commit", "--quiet", "--allow-empty", "--message", "before")
        for one in after:
            edit(where, *one)
        assert (await taken(where)).tree == tree_that_git_adds(where, Path(home) / "copy")
