"""Candidates from any OpenAI-compatible server (vLLM, SGLang): image as a data URL, retries, time limits, bounded
concurrency, resumable.

One request is one chat completion at temperature 0 with a fixed seed. What may pass (429, 5xx, time-outs, cut
connections, malformed or empty answers) is asked again with exponential backoff, or after the server's own `Retry-
After`. A time limit covers the whole answer, so a server that drips a byte a second does not hold a worker. Answers go
to a journal as they arrive and are never asked for again, also after a kill.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recaption.generator import Failure, Request
from recaption.journal import Journal
from recaption.pictures import data_url
from recaption.prompts import FACTUAL, Prompt, answer_text
from sieveline.draws import uniform
from sieveline.errors import ConfigError, RetryableError
from sieveline.fingerprint import fingerprint

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerConfig:
    """An OpenAI-compatible server and how it is asked.

    Attributes:
        base_url: up to and with `/v1`.
        model: the name the server knows.
        api_key_env: environment variable that holds the key; None sends the placeholder local servers expect.
        prompt: what is asked.
        max_tokens: longest answer; a longer one is the failure `length`, since a caption that breaks off is none.
        seed: sent with every request and used for the jitter of the backoff.
        max_image_side: pixels; larger pictures are shrunk before they are sent. None sends every file as it is.
        concurrency: requests in flight at once.
        timeout: seconds for one attempt, from connecting to the last byte.
        max_retries: further attempts after the first.
        backoff: seconds before the first retry; doubles with each, at most `max_backoff`.
        max_backoff: seconds; also the longest `Retry-After` that is waited for, a longer one fails the request.
        max_failures_in_a_row: after so many requests in a row for which no attempt reached a working server, `RetryableError` ends the call.
    """

    base_url: str
    model: str
    api_key_env: str | None = None
    prompt: Prompt = FACTUAL
    max_tokens: int = 256
    seed: int = 0
    max_image_side: int | None = 1120
    concurrency: int = 32
    timeout: float = 120.0
    max_retries: int = 5
    backoff: float = 1.0
    max_backoff: float = 60.0
    max_failures_in_a_row: int = 64

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ConfigError(f"ServerConfig.base_url is {self.base_url!r}; it must start with http:// or https://")
        if self.concurrency < 1 or self.max_retries < 0 or self.timeout <= 0:
            raise ConfigError("ServerConfig: concurrency must be at least 1, max_retries at least 0, timeout above 0")


class _Passing(Exception):
    """What may pass: a fault worth another attempt."""

    def __init__(self, kind: str, detail: str, retry_after: float | None = None):
        super().__init__(detail)
        self.kind, self.retry_after = kind, retry_after


_UNREACHED = frozenset(("connection", "server", "timeout"))


class OpenAIGenerator:
    """`Generator` over a server.

    Args:
        config: the server.
        journal: file of the answers (`recaption.journal`), on a local disk.

    Raises:
        ConfigError: the environment variable for the key is not set.
    """

    def __init__(self, config: ServerConfig, journal: Path):
        key = "none" if config.api_key_env is None else os.environ.get(config.api_key_env, "")
        if not key:
            raise ConfigError(f"the environment variable {config.api_key_env} is not set; it must hold the server's key")
        self.config = config
        self.name = f"openai:{config.model}"
        self.fingerprint = fingerprint(config.model, config.prompt, config.max_tokens, config.seed, config.max_image_side)
        self._key, self._journal = key, Journal(journal)
        self._failures_in_a_row = 0

    def generate(self, requests: Sequence[Request]) -> list[str | Failure]:
        """As the protocol.

        Raises:
            ConfigError: the server refuses the key or does not know the model.
            RetryableError: the server cannot be reached; what was answered is in the journal.
        """
        keys = [fingerprint(self.fingerprint, r.sample_id) for r in requests]
        answers: dict[str, str | Failure] = dict(self._journal.get(keys))
        to_ask = {k: r for k, r in zip(keys, requests, strict=True) if k not in answers}
        if to_ask:
            asyncio.run(self._ask_all(to_ask, answers))
        return [answers[k] for k in keys]

    async def _ask_all(self, to_ask: dict[str, Request], answers: dict[str, str | Failure]) -> None:
        from openai import AsyncOpenAI

        self._failures_in_a_row = 0
        todo = iter(to_ask.items())
        options = {"base_url": self.config.base_url, "api_key": self._key, "max_retries": 0, "timeout": self.config.timeout}
        async with AsyncOpenAI(**options) as client:

            async def worker() -> None:
                for key, request in todo:  # shared: each worker takes the next one, images are read when their turn comes
                    answer = await self._ask(client, request)
                    if isinstance(answer, str):
                        self._journal.put(key, answer)
                    answers[key] = answer
                    self._watch(answer)

            workers = [asyncio.create_task(worker()) for _ in range(min(self.config.concurrency, len(to_ask)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for task in workers:
                    task.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    def _watch(self, answer: str | Failure) -> None:
        lost = isinstance(answer, Failure) and answer.kind in _UNREACHED
        self._failures_in_a_row = self._failures_in_a_row + 1 if lost else 0
        if self._failures_in_a_row >= self.config.max_failures_in_a_row and isinstance(answer, Failure):
            raise RetryableError(
                f"{self.config.base_url}: {self._failures_in_a_row} requests in a row failed, last: {answer.detail}"
            )

    async def _ask(self, client: "AsyncOpenAI", request: Request) -> str | Failure:
        config = self.config
        try:
            url = await asyncio.to_thread(lambda: data_url(request.image(), config.max_image_side))
        except (OSError, ValueError) as error:
            return Failure("image", self._clean(error))
        wait = config.backoff
        for attempt in range(config.max_retries + 1):
            try:
                async with asyncio.timeout(config.timeout):
                    return await self._attempt(client, request, url)
            except TimeoutError:
                fault = _Passing("timeout", f"no whole answer in {config.timeout:g} s")
            except _Passing as passing:
                fault = passing
            pause = wait * (0.75 + 0.25 * uniform(config.seed, "backoff", request.sample_id, attempt))
            if fault.retry_after is not None:
                pause = fault.retry_after
            if attempt == config.max_retries or pause > config.max_backoff:
                break
            _LOG.info("%s: attempt %d: %s: %s; again in %.1f s", request.sample_id, attempt + 1, fault.kind, fault, pause)
            await asyncio.sleep(pause)
            wait = min(2 * wait, config.max_backoff)
        return Failure(fault.kind, f"{fault} (attempt {attempt + 1})")

    async def _attempt(self, client: "AsyncOpenAI", request: Request, url: str) -> str | Failure:
        import openai

        prompt = self.config.prompt
        content: list[Any] = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": prompt.fill(request)}]
        messages: list[Any] = [{"role": "system", "content": prompt.system}] if prompt.system else []
        messages.append({"role": "user", "content": content})
        try:
            completion = await client.chat.completions.create(
                model=self.config.model,
                messages=messages,
                max_tokens=self.config.max_tokens,
                temperature=0.0,
                seed=self.config.seed,
            )
            choice = completion.choices[0]
            text, finish = choice.message.content or "", choice.finish_reason
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise ConfigError(f"{self.config.base_url}, model {self.config.model}: {self._clean(error)}") from None
        except openai.APITimeoutError:
            raise _Passing("timeout", f"no answer in {self.config.timeout:g} s") from None
        except openai.APIConnectionError as error:
            raise _Passing("connection", self._clean(error.__cause__ or error)) from None
        except openai.APIStatusError as error:
            if error.status_code in (408, 409, 425, 429) or error.status_code >= 500:
                kind = "rate_limit" if error.status_code == 429 else "server"
                raise _Passing(kind, self._clean(error), _retry_after(error.response.headers.get("retry-after"))) from None
            return Failure("refused", self._clean(error))
        except (openai.APIResponseValidationError, ValueError, AttributeError, TypeError, IndexError) as error:
            raise _Passing("malformed", self._clean(error)) from None  # 200, but not a chat completion
        if finish == "length":
            return Failure("length", f"the answer is longer than {self.config.max_tokens} tokens")
        if finish == "content_filter":
            return Failure("refused", "content filter")
        if not isinstance(text, str) or not (caption := answer_text(text)):
            raise _Passing("empty", "an empty answer")
        return caption

    def _clean(self, error: BaseException) -> str:
        """One line of an error; a server may echo the key, so it is blotted out."""
        line = " ".join(f"{type(error).__name__}: {error}".split())
        return (line.replace(self._key, "***") if self.config.api_key_env else line)[:300]


def _retry_after(header: str | None) -> float | None:
    """Seconds of a `Retry-After` header in seconds or as an HTTP date; None without one."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    import time
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
