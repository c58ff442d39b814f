"""What is asked of carriers and providers beside conversations: telephone calls, browsers' own calls, voices. Those of the asyncio agent."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from . import _people, _types
from ._people import VoicePreview
from ._records import CallAnswer, ClientSecret, PhoneCall, Voice
from ._rooms_aio import _Room
from ._types import Page


class AsyncTelephony(_Room):
    """What is to be known of a telephone call before it is answered: whose it is, and whether it is the carrier that calls."""

    _name = "telephony"

    async def read(self, message: str, protocol: str = "auto") -> Optional[PhoneCall]:
        """Reads a carrier's first messages: the call, or None for what comes before it. The message then goes to the session's
        wire as well.

        Raises
        ------
        ValidationError
            It is no such message, or the call's encoding is not supported.
        """
        return await self._run("read", _people.first_call, message=message, protocol=protocol)

    async def verify_twilio(
        self, auth_token: str, url: str, signature: str, params: Optional[Mapping[str, Any]] = None
    ) -> bool:
        """Whether Twilio signed a request: the header ``X-Twilio-Signature``. `url` is the address as Twilio was given it
        (``wss://`` for a media stream), `params` the fields of a form that was posted."""
        return await self._run("verify_twilio", bool, auth_token=auth_token, url=url, signature=signature, params=params)

    async def verify_plivo(
        self, auth_token: str, url: str, signature: str, nonce: str, params: Optional[Mapping[str, Any]] = None
    ) -> bool:
        """Whether Plivo signed a request: the headers ``X-Plivo-Signature-V3`` and ``X-Plivo-Signature-V3-Nonce``; Vobiz has its
        own, made alike."""
        return await self._run(
            "verify_plivo", bool, auth_token=auth_token, url=url, signature=signature, nonce=nonce, params=params
        )

    async def verify_telnyx(self, public_key: str, body: str, signature: str, timestamp: str) -> bool:
        """Whether Telnyx signed a webhook within the last five minutes: the headers ``telnyx-signature-ed25519`` and
        ``telnyx-timestamp``, and the body as it came."""
        return await self._run(
            "verify_telnyx", bool, public_key=public_key, body=body, signature=signature, timestamp=timestamp
        )


class AsyncRealtime(_Room):
    """A browser's own way to the speech-to-speech model of the config's `realtime`. The key stays here.

    A session that is begun so is held between the browser and the provider: nothing of it is heard or stored here.
    """

    _name = "realtime"

    def of(self, organization: str) -> AsyncRealtime:
        """With the assistants and the credentials of one organization."""
        return AsyncRealtime(self._agent, **{**self._also, "organization": organization})

    async def client_secret(
        self,
        *,
        assistant: Optional[str] = None,
        instructions: Optional[str] = None,
        voice: Optional[str] = None,
        language: Optional[str] = None,
        valid_seconds: float = 60,
    ) -> ClientSecret:
        """What opens a session without the key. One of the same settings is given out again until 10 s before its end."""
        return await self._run(
            "client_secret",
            _people.client_secret,
            assistant=assistant,
            instructions=instructions,
            voice=voice,
            language=language,
            valid_seconds=valid_seconds,
        )

    async def answer_call(
        self,
        offer: str,
        *,
        assistant: Optional[str] = None,
        instructions: Optional[str] = None,
        voice: Optional[str] = None,
        language: Optional[str] = None,
    ) -> CallAnswer:
        """Answers a browser's offer of a WebRTC connection to the provider, so that it needs no secret at all."""
        return await self._run(
            "answer_call",
            _people.call_answer,
            offer=offer,
            assistant=assistant,
            instructions=instructions,
            voice=voice,
            language=language,
        )


class AsyncVoices(_Room):
    """The voices of the agent's text to speech, and of every other that its assistants may name."""

    _name = "voices"

    def of(self, organization: str) -> AsyncVoices:
        """With the credentials of one organization."""
        return AsyncVoices(self._agent, **{**self._also, "organization": organization})

    async def list(
        self, *, provider: Optional[str] = None, language: Optional[str] = None, limit: int = 10_000
    ) -> Page[Voice]:
        """The voices of a provider, in its order: all of its pages, at most `limit` (1 to 10,000).

        Parameters
        ----------
        provider
            Whose: one of the agent's own list, by the name in its config or that of errors (``elevenlabs``), else any that an assistant
            may name. Default: the first of the agent's own.
        language
            Only those that can be asked to speak it (BCP 47). Voices of which no language is known are always there.

        Raises
        ------
        InvalidRequestError
            The provider does not say which voices it has.
        """
        return await self._run("list", _types.page(_people.voice), provider=provider, language=language, limit=limit)

    async def preview(
        self,
        voice: Optional[str] = None,
        *,
        provider: Optional[str] = None,
        settings: Optional[Mapping[str, Any]] = None,
        text: Optional[str] = None,
        language: Optional[str] = None,
        format: str = "wav",
    ) -> VoicePreview:
        """Has a voice speak a few words, at the price of speech. Nothing is stored.

        Parameters
        ----------
        voice
            Which, by its id. Default: the provider's own.
        provider
            Whose, as in `list`.
        settings
            How it is to speak, above what the config says: ``stability``, ``similarity``, ``style``, ``speed``, as far as the provider has
            them, and what only it knows.
        text
            What it says: 1 to 500 characters. Default: a short greeting in its language.
        language
            The language of the text (BCP 47).
        format
            Of the file: ``wav``, ``ogg_opus``, ``mp3``, ``mu_law``, ``a_law`` or ``pcm``.
        """
        answer = await self._answer(
            "preview", voice=voice, provider=provider, settings=settings, text=text, language=language, format=format
        )
        return _people.voice_preview(*answer)
