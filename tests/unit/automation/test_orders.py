"""What may be wished of a run, and how it is named and worded."""

from __future__ import annotations

import json

import msgspec
import pytest

from actors import errors
from actors.automation import words
from actors.automation.contract import ChangeKind, FileChange, RepositoryName
from actors.automation.order import (
    IssueWish,
    Wish,
    key_of_request,
    key_of_turn,
    subject_of,
    wish_beside_prompt,
    wish_of_body,
    wish_of_params,
)
from actors.automation.settings import AutomationSettings
from actors.automation.templates import Templates, changes_listed, filled, short_of

WISHES: dict[str, tuple[object, Wish]] = {
    "nothing": ({}, Wish()),
    "off": ({"lumilink": {"automation": False}}, Wish(is_wanted=False)),
    "off as a word": ({"lumilink": {"automation": "off"}}, Wish(is_wanted=False)),
    "on": ({"lumilink": {"automation": True}}, Wish(is_wanted=True)),
    "an issue": ({"lumilink": {"automation": {"issue": True}}}, Wish(is_wanted=True, issue=IssueWish())),
    "no issue": ({"lumilink": {"automation": {"issue": False}}}, Wish(is_wanted=True)),
    "texts": (
        {"lumilink": {"automation": {"issue": {"title": "a"}, "title": "b", "body": "c"}}},
        Wish(is_wanted=True, issue=IssueWish("a"), title="b", body="c"),
    ),
    "others'": ({"other": {"automation": 1}}, Wish()),
}


@pytest.mark.parametrize(("meta", "wish"), WISHES.values(), ids=WISHES.keys())
def test_a_prompt_says_what_it_wishes(meta: object, wish: Wish):
    assert wish_beside_prompt(json.dumps(meta).encode()) == wish


@pytest.mark.parametrize(
    "said", [1, "maybe", {"titel": "x"}, {"title": "a\nb"}, {"title": "x" * 257}, {"body": "x" * 60_001}]
)
def test_a_wish_that_cannot_be_is_refused(said: object):
    with pytest.raises(errors.InvalidParamsError):
        wish_beside_prompt(json.dumps({"lumilink": {"automation": said}}).encode())


def test_the_same_is_wished_by_params_and_by_a_body():
    wish = Wish(is_wanted=True, issue=IssueWish(), title="t")

    assert wish_of_params(b'{"sessionId":"s","issue":true,"title":"t"}') == wish
    assert wish_of_body(b'{"issue":true,"title":"t"}') == wish
    assert wish_of_body(b"") == Wish(is_wanted=True)
    with pytest.raises(errors.InvalidParamsError):
        wish_of_body(b"{")


def test_a_subject_is_the_first_line_of_a_prompt_without_credentials():
    def blocks(*texts: str) -> list[msgspec.Raw]:
        return [msgspec.Raw(json.dumps({"type": "text", "text": text}).encode()) for text in texts]

    image = msgspec.Raw(b'{"type":"image","data":"x","mimeType":"image/png"}')
    assert subject_of([image, *blocks("\n  Keep   the cart \nplease")]) == "Keep the cart"
    assert len(subject_of(blocks("x" * 100))) == 72
    assert "ghp_" not in subject_of(blocks("use ghp_" + "a1B2" * 9))
    assert subject_of([image]) == ""


def test_keys_tell_turns_and_requests_apart():
    keys = {
        key_of_turn("s", 1),
        key_of_turn("s", 2),
        key_of_request("s", "a", "1"),
        key_of_request("s", "a1", ""),
    }

    assert len(keys) == 4


@pytest.mark.parametrize("text", ["$nobody", "costs $ 5", "${subject", "$branch.__class__ $$ ${nope}"])
def test_a_template_with_a_field_that_there_is_not_is_refused(text: str):
    with pytest.raises(errors.SettingsError, match="automation_title"):
        Templates(title=text)


def test_a_field_is_not_looked_into():
    assert filled("$subject costs $$5", {"subject": "$session {0}"}) == "$session {0} costs $5"


@pytest.mark.parametrize("text", ["lumilink/all", "$subject"])
def test_a_branch_that_two_sessions_may_share_is_refused(text: str):
    with pytest.raises(errors.SettingsError, match="automation_branch"):
        Templates(branch=text)


@pytest.mark.parametrize("short", ["a b", "..", "-x", "x.lock", "", "a//b", "a~1"])
def test_a_branch_that_git_would_refuse_is_refused(short: str):
    with pytest.raises(errors.SettingsError):
        Templates(branch="$short").branch_of({"short": short})


def test_sessions_are_called_by_a_part_of_their_ids():
    assert short_of("sess_A1-b2_C3d4E5f6g7") == "a1b2c3d4e5f6"
    assert short_of("!!") == "session"


def test_changes_are_listed_and_of_many_the_rest_is_counted():
    renamed = FileChange("new.py", ChangeKind.RENAMED, 1, before="old.py")
    many = (renamed, *(FileChange(f"{n}.txt", ChangeKind.ADDED, 1) for n in range(60)))

    lines = changes_listed(many).splitlines()
    assert lines[0] == "- renamed: `old.py` to `new.py`"
    assert lines[-1] == "- and 11 more"


@pytest.mark.parametrize(
    ("allow", "deny", "taken"),
    [
        (("*",), (), True),
        (("acme/*",), (), True),
        (("acme/*",), ("ACME/shop",), False),
        (("x/*",), (), False),
    ],
)
def test_the_lists_say_which_repositories_are_written_to(
    allow: tuple[str, ...], deny: tuple[str, ...], taken: bool
):
    settings = AutomationSettings(allow=allow, deny=deny)

    assert settings.takes(RepositoryName("Acme", "Shop")) is taken


def test_it_is_on_for_some_installations_and_off_by_default():
    assert not AutomationSettings().is_on("acme")
    assert AutomationSettings(enabled=True, installations=("ac*",)).is_on("acme")
    assert not AutomationSettings(enabled=True, installations=("ac*",)).is_on("other")


@pytest.mark.parametrize("trailer", ["no colon", "A B: x", "Name: $nobody", "Name: a\nb"])
def test_a_trailer_that_is_none_is_refused(trailer: str):
    with pytest.raises(errors.SettingsError, match="automation_trailers"):
        AutomationSettings(trailers=(trailer,))


def test_toasts_are_short():
    assert len(words.failed("code", "x" * 500, "y")[0]) == words.TOAST_CHARS
    assert words.deferred("the limit is used up", 7200)[0].endswith("120 min.")
