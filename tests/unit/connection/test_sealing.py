"""What is kept sealed."""

import pytest
from session_world import KEY

from actors import errors
from actors.connection.sealing import Sealer, new_key


def test_what_another_key_sealed_is_empty_and_not_garbage():
    sealed = Sealer(KEY).seal(b"s3cret")

    assert Sealer(KEY).unseal(sealed) == b"s3cret"
    assert Sealer(new_key()).unseal(sealed) == Sealer(KEY).unseal(b"") == b""
    assert b"s3cret" not in sealed


@pytest.mark.parametrize("key", ["", "short", "é" * 44])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str):
    with pytest.raises(errors.SettingsError) as caught:
        Sealer(key)

    assert key == "" or key not in caught.value.detail
