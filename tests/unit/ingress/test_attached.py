"""The cursor in an answer is found wherever it is, and what is no answer of ours tells none."""

import pytest

from serve.ingress.attached import Attached, read_attached


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            b'{"jsonrpc":"2.0","id":1,"result":{"sessionId":"s","seq":7,"firstSeq":1,"reset":false}}',
            Attached(7),
        ),
        (b'{"result":{"modes":null,"_meta":{"other":1,"lumilink":{"seq":9,"reset":true}}}}', Attached(9)),
        (b'{"id":1,"error":{"code":-1,"message":"no","data":{}}}', Attached(error="no")),
        (b'{"result":{"_meta":null}}', Attached()),
        (b'{"result":null}', Attached()),
        (b'{"result":{"seq":7,"_meta":{"other":1}}}', Attached(7)),
        (b'{"result":{"seq":7,"reset":true,"_meta":{"lumilink":{"seq":9}}}}', Attached(9)),
        (b'{"result":{"seq":"7"}}', Attached()),
        (b'{"result":{"seq":-1}}', Attached()),
        (b'{"result":{"seq":281474976710656}}', Attached()),
        (b'{"result":[1]}', Attached()),
        (b"nonsense", Attached()),
    ],
)
def test_an_answer_tells_where_the_client_is(answer: bytes, expected: Attached):
    assert read_attached(answer) == expected
