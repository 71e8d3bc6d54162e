"""Sending to Apache Kafka, by an idempotent producer. Only a gateway that is told of a Kafka loads this.

The broker refuses what does not follow on the last message that it took, so where one is refused, none
behind it in its partition is taken. They are then sent again one by one by a producer that begins anew.
Source: kafka.apache.org/documentation (producer settings), aiokafka.readthedocs.io.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]  # it ships no types
from aiokafka import errors as kafka_errors
from aiokafka.helpers import create_ssl_context  # type: ignore[import-untyped]  # it ships no types

from actors import errors
from actors.analytics.messages import VERSION
from actors.analytics.relay import Refusal
from actors.analytics.settings import AnalyticsSettings
from actors.records.outgoing import Waiting

log = logging.getLogger("lumilink.analytics")

START_S: Final = 15.0
SEND_S: Final = 45.0
"""How long a window may take until its messages are sent anew, by another producer."""
KEEP_S: Final = 2 * SEND_S
"""How long the producer keeps what it cannot send. After that it would drop the first and send the next."""
STOP_S: Final = 5.0
LINGER_MS: Final = 5
_REFUSED: Final = (
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidTimestampError,
    kafka_errors.PolicyViolationError,
    kafka_errors.UnsupportedForMessageFormatError,
    kafka_errors.CorruptRecordException,
)
"""What a broker says of a message itself."""
_PROTOCOLS: Final = {
    (False, False): "PLAINTEXT",
    (False, True): "SSL",
    (True, False): "SASL_PLAINTEXT",
    (True, True): "SASL_SSL",
}
"""By whether somebody signs in, and whether it is encrypted."""


class KafkaSender:
    """One producer at a time, started when there is something to send."""

    def __init__(self, settings: AnalyticsSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._stopping: set[asyncio.Task[None]] = set()

    async def send(
        self, messages: Sequence[Waiting], sent: Callable[[Waiting, Refusal | None], None]
    ) -> None:
        """See ``Sender.send``."""
        left = await self._send_together(messages, sent)
        for one in left:
            sent(one, await self._send_alone(one))

    async def aclose(self) -> None:
        """Let go of the broker, with up to 5 s of patience."""
        await self._give_up()
        for task in self._stopping:
            task.cancel()

    async def _send_together(
        self, messages: Sequence[Waiting], sent: Callable[[Waiting, Refusal | None], None]
    ) -> list[Waiting]:
        """Send all at once; returns those that were not taken, of which one at least was refused."""
        producer = await self._started()
        under_way: list[tuple[Waiting, asyncio.Future[object]]] = []
        refused: list[Waiting] = []
        try:
            async with asyncio.timeout(SEND_S):
                for one in messages:
                    try:
                        under_way.append((one, await self._put(producer, one)))
                    except kafka_errors.MessageSizeTooLargeError:
                        refused.append(one)
                        break
                if under_way:
                    await asyncio.wait([future for _, future in under_way])
        except (kafka_errors.KafkaError, TimeoutError) as error:
            await self._give_up()
            raise _unavailable(error) from error
        finally:
            failed = _settle(under_way, sent)
        left = [one for one, _ in failed] + refused
        if left:
            await self._give_up()
        causes = [error for _, error in failed if not isinstance(error, _ALONE)]
        if causes:
            raise _unavailable(causes[0])
        return left

    async def _send_alone(self, one: Waiting) -> Refusal | None:
        producer = await self._started()
        try:
            async with asyncio.timeout(SEND_S):
                await (await self._put(producer, one))
        except _REFUSED as error:
            await self._give_up()
            return Refusal(type(error).__name__)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            await self._give_up()
            raise _unavailable(error) from error
        return None

    async def _put(self, producer: AIOKafkaProducer, one: Waiting) -> asyncio.Future[object]:
        message = one.message
        topic = f"{self._settings.topic_prefix}.{message.topic}.v{VERSION}"
        headers = [
            ("id", message.message_id.encode()),
            ("schema", f"lumilink.{message.topic}/{VERSION}".encode()),
            ("content-type", b"application/json"),
        ]
        future: asyncio.Future[object] = await producer.send(
            topic, message.body.encode(), message.key.encode(), headers=headers
        )
        return future

    async def _started(self) -> AIOKafkaProducer:
        """The producer, made if need be. Raises BrokerUnavailableError."""
        if self._producer is not None:
            return self._producer
        try:
            producer = self._made()
        except OSError as error:
            raise errors.BrokerUnavailableError(f"kafka_ca_file: {type(error).__name__}") from error
        try:
            async with asyncio.timeout(START_S):
                await producer.start()
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            await self._stop(producer)
            raise _unavailable(error) from error
        except BaseException:
            await self._stop(producer)
            raise
        self._producer = producer
        return producer

    def _made(self) -> AIOKafkaProducer:
        settings = self._settings
        trusted = create_ssl_context(cafile=settings.ca_file or None)
        return AIOKafkaProducer(
            bootstrap_servers=settings.servers,
            client_id="lumilink",
            enable_idempotence=True,
            acks="all",
            linger_ms=LINGER_MS,
            request_timeout_ms=int(KEEP_S * 1000),
            security_protocol=_PROTOCOLS[bool(settings.mechanism), settings.is_encrypted],
            ssl_context=trusted if settings.is_encrypted else None,
            sasl_mechanism=settings.mechanism or "PLAIN",
            sasl_plain_username=settings.user or None,
            sasl_plain_password=settings.password or None,
        )

    async def _give_up(self) -> None:
        """This producer sends no more; what it had taken may come twice."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._stop(producer)

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        # It waits for what it has until the broker is back, however long that is; nobody has to wait with it.
        task = asyncio.create_task(producer.stop(), name="stop producer")
        self._stopping.add(task)
        task.add_done_callback(self._stopped)
        await asyncio.wait([task], timeout=STOP_S)

    def _stopped(self, task: asyncio.Task[None]) -> None:
        self._stopping.discard(task)
        _seen(task)


_ALONE: Final = (
    *_REFUSED,
    kafka_errors.OutOfOrderSequenceNumber,
    kafka_errors.UnknownProducerId,
    kafka_errors.InvalidProducerEpoch,
    kafka_errors.ProducerFenced,
    kafka_errors.ProducerClosed,
)
"""After these each message is tried alone: it was refused itself, or follows on one that was."""


def _settle(
    under_way: Sequence[tuple[Waiting, asyncio.Future[object]]],
    sent: Callable[[Waiting, Refusal | None], None],
) -> list[tuple[Waiting, BaseException]]:
    """Tell of those that were taken; returns those that failed. What is open still is neither."""
    failed: list[tuple[Waiting, BaseException]] = []
    for one, future in under_way:
        if not future.done() or future.cancelled():
            future.add_done_callback(_seen)
            continue
        error = future.exception()
        if error is None:
            sent(one, None)
        else:
            failed.append((one, error))
    return failed


def _seen(future: asyncio.Future[Any]) -> None:
    """Whatever came of it, nobody waits for it any more."""
    if not future.cancelled():
        future.exception()


def _unavailable(error: BaseException) -> errors.BrokerUnavailableError:
    return errors.BrokerUnavailableError(f"kafka: {type(error).__name__}")
