"""A checkout becomes a tree and a commit, and stays as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.git_files import git, repository, state, tree_that_git_adds, write

from actors.automation.checkout import GitCheckout
from actors.automation.contract import CommitOrder, RepositoryName, Snapshot
from actors.automation.origin import GitHost
from actors.errors import CheckoutError

GITHUB = GitHost("https://github.com")


def checkout(where: Path) -> GitCheckout:
    return GitCheckout(where, GITHUB, deadline_s=20)


def order(snapshot: Snapshot, **others: object) -> CommitOrder:
    given: dict[str, object] = {
        "message": "Say hello",
        "author_name": "LumiLink",
        "author_email": "bot@example.org",
        "at": 1_800_000_000,
    }
    return CommitOrder(snapshot=snapshot, **(given | others))  # type: ignore[arg-type] # a test's shorthand


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "app", {"kept.txt": "kept\n", "old.txt": "old\n", "src/a.py": "a = 1\n" * 9})


async def test_the_tree_is_what_git_would_add(repo: Path, tmp_path: Path):
    write(repo, {"new.txt": "new\n", "old.txt": "changed\n", ".gitignore": "*.log\n", "x.log": "no"})
    (repo / "kept.txt").unlink()
    snapshot = await checkout(repo).snapshot(None)

    assert snapshot.tree == tree_that_git_adds(repo, tmp_path / "copy")
    assert snapshot.parent == git(repo, "rev-parse", "HEAD")


async def test_index_head_branches_and_configuration_stay_as_they_are(repo: Path):
    write(repo, {"old.txt": "staged\n", "new.txt": "new\n"})
    git(repo, "add", "old.txt")
    write(repo, {"old.txt": "and changed again\n"})
    before = state(repo)

    ours = checkout(repo)
    snapshot = await ours.snapshot(None)
    await ours.diff(snapshot, 10_000)
    await ours.commit(order(snapshot))

    assert state(repo) == before


async def test_where_nothing_changed_the_tree_is_the_parent_s(repo: Path):
    snapshot = await checkout(repo).snapshot(None)

    assert snapshot.tree == git(repo, "rev-parse", "HEAD^{tree}")
    assert (snapshot.changes, snapshot.left_out) == ((), ())


async def test_a_session_s_second_commit_is_made_against_its_first(repo: Path):
    ours = checkout(repo)
    write(repo, {"one.txt": "1\n"})
    first = await ours.commit(order(await ours.snapshot(None)))
    write(repo, {"two.txt": "2\n"})
    snapshot = await ours.snapshot(first)

    assert [change.path for change in snapshot.changes] == ["two.txt"]
    assert snapshot.parent == first


async def test_the_same_order_gives_the_same_commit(repo: Path, tmp_path: Path):
    write(repo, {"new.txt": "new\n"})
    other = tmp_path / "elsewhere"
    shutil.copytree(repo, other, symlinks=True)
    commits = set()
    for where in (repo, repo, other):
        ours = checkout(where)
        commits.add(await ours.commit(order(await ours.snapshot(None))))

    assert len(commits) == 1


async def test_a_commit_has_its_author_date_and_trailers(repo: Path):
    ours = checkout(repo)
    write(repo, {"new.txt": "new\n"})
    trailers = ("Session: s-1", "Signed-off-by: LumiLink <bot@example.org>")
    commit = await ours.commit(
        order(await ours.snapshot(None), message="Say hello\n\nTwice.", trailers=trailers)
    )

    told = git(repo, "log", "-1", "--format=%an|%ae|%at|%cn|%ct|%B", commit)
    assert told.strip() == (
        "LumiLink|bot@example.org|1800000000|LumiLink|1800000000|Say hello\n\nTwice.\n\n"
        + "\n".join(trailers)
    )


async def test_a_trailer_that_the_message_has_already_is_not_there_twice(repo: Path):
    ours = checkout(repo)
    trailer = "Signed-off-by: LumiLink <bot@example.org>"
    commit = await ours.commit(
        order(await ours.snapshot(None), message=f"Say hello\n\n{trailer}", trailers=(trailer,))
    )

    assert git(repo, "log", "-1", "--format=%B", commit).count("Signed-off-by") == 1


async def test_what_a_trailer_brings_with_it_stays_on_its_line(repo: Path):
    ours = checkout(repo)
    commit = await ours.commit(order(await ours.snapshot(None), trailers=("Session: a\nApproved-by: Eve",)))

    assert git(repo, "log", "-1", "--format=%(trailers:key=Approved-by)", commit).strip() == ""


async def test_a_commit_outlives_the_throwing_away_of_what_nothing_leads_to(repo: Path):
    ours = checkout(repo)
    write(repo, {"new.txt": "1\n"})
    first = await ours.commit(order(await ours.snapshot(None)))
    write(repo, {"new.txt": "2\n"})
    second = await ours.commit(order(await ours.snapshot(first)))
    git(repo, "gc", "--quiet", "--prune=now")

    assert git(repo, "rev-list", "--count", second) == "3"
    assert git(repo, "for-each-ref", "--format=%(objectname)", "refs/lumilink/") == second


async def test_a_diff_is_unified_and_whole(repo: Path):
    ours = checkout(repo)
    write(repo, {"old.txt": "new\n", "bin": b"\0\1\2"})
    diff = await ours.diff(await ours.snapshot(None), 100_000)

    assert "--- a/old.txt\n+++ b/old.txt\n@@ -1 +1 @@\n-old\n+new\n" in diff
    assert "Binary files /dev/null and b/bin differ\n" in diff


async def test_a_long_diff_is_cut_at_a_line_s_end_and_says_so(repo: Path):
    ours = checkout(repo)
    write(repo, {"long.txt": "".join(f"line {number}\n" for number in range(10_000))})
    diff = await ours.diff(await ours.snapshot(None), 1_000)

    lines = diff.splitlines()
    assert lines[-1] == "[the rest of the changes is not shown]"
    assert lines[-2].startswith("+line ")
    assert len(diff) < 1_100


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/app.git",
        "https://github.com/acme/app",
        "https://GitHub.com/acme/app/",
        "https://ada:ghp_0123456789012345678901234567890123456789@github.com/acme/app",
        "git@github.com:acme/app.git",
        "ssh://git@github.com/acme/app.git",
        "ssh://git@ssh.github.com:443/acme/app.git",
    ],
)
async def test_the_repository_is_read_from_every_form_of_origin(tmp_path: Path, address: str):
    where = repository(tmp_path / "app", {}, origin=address)
    assert await checkout(where).repository() == RepositoryName("acme", "app")


@pytest.mark.parametrize(
    "address",
    [
        "https://gitlab.com/acme/app",
        "https://github.com.evil.org/acme/app",
        "https://evil.org/github.com/acme/app",
        "https://github.com/acme",
        "https://github.com/acme/..",
        "https://github.com/acme/app/extra",
        "/srv/app.git",
        "../app",
        "git@evil.org:acme/app",
        "https://[broken/acme/app",
        "https://ada:ghp_0123456789012345678901234567890123456789@gitlab.com/acme/app",
    ],
)
async def test_an_origin_elsewhere_is_refused_without_telling_its_password(tmp_path: Path, address: str):
    where = repository(tmp_path / "app", {}, origin=address)
    with pytest.raises(CheckoutError) as raised:
        await checkout(where).repository()
    assert "ghp_" not in str(raised.value)


async def test_a_checkout_without_an_origin_is_refused(tmp_path: Path):
    with pytest.raises(CheckoutError, match="no origin"):
        await checkout(repository(tmp_path / "app", {}, origin="")).repository()


async def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path):
    with pytest.raises(CheckoutError, match="in no git checkout"):
        await checkout(tmp_path).snapshot(None)


async def test_a_broken_checkout_is_refused(repo: Path):
    (repo / ".git/HEAD").write_text("nonsense")
    with pytest.raises(CheckoutError):
        await checkout(repo).snapshot(None)


async def test_a_bare_repository_is_refused(repo: Path, tmp_path: Path):
    git(tmp_path, "clone", "--quiet", "--bare", str(repo), "bare/.git")
    with pytest.raises(CheckoutError, match="bare"):
        await checkout(tmp_path / "bare").snapshot(None)


async def test_a_repository_without_a_commit_is_refused(tmp_path: Path):
    git(tmp_path, "init", "--quiet")
    with pytest.raises(CheckoutError, match="no commit yet"):
        await checkout(tmp_path).snapshot(None)


async def test_a_parent_that_is_not_there_is_refused(repo: Path):
    with pytest.raises(CheckoutError, match="is not in"):
        await checkout(repo).snapshot("1" * 40)


async def test_a_folder_inside_a_checkout_stands_for_all_of_it(repo: Path):
    write(repo, {"new.txt": "new\n"})
    snapshot = await checkout(repo / "src").snapshot(None)
    assert [change.path for change in snapshot.changes] == ["new.txt"]


async def test_a_detached_head_is_a_parent_like_any_other(repo: Path):
    git(repo, "checkout", "--quiet", "--detach")
    write(repo, {"new.txt": "new\n"})
    snapshot = await checkout(repo).snapshot(None)
    assert snapshot.parent == git(repo, "rev-parse", "HEAD")


async def test_a_shallow_clone_is_committed_to(repo: Path, tmp_path: Path):
    git(repo, "commit", "--quiet", "--allow-empty", "--message", "second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repo}", "shallow")
    where = tmp_path / "shallow"
    write(where, {"new.txt": "new\n"})
    ours = checkout(where)
    commit = await ours.commit(order(await ours.snapshot(None)))
    assert git(where, "rev-list", "--count", commit) == "2"


async def test_a_linked_worktree_is_a_checkout(repo: Path, tmp_path: Path):
    git(repo, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    write(tmp_path / "linked", {"new.txt": "new\n"})
    ours = checkout(tmp_path / "linked")
    snapshot = await ours.snapshot(None)

    assert [change.path for change in snapshot.changes] == ["new.txt"]
    assert git(repo, "cat-file", "-t", await ours.commit(order(snapshot))) == "commit"
    assert await ours.repository() == RepositoryName("acme", "app")


async def test_objects_named_by_sha_256_are_committed(tmp_path: Path):
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    write(tmp_path, {"a": "a"})
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    write(tmp_path, {"a": "b"})
    ours = checkout(tmp_path)
    assert len(await ours.commit(order(await ours.snapshot(None)))) == 64
