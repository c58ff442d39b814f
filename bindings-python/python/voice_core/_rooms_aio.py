"""What is kept, and who may reach it: sessions, accounts, assistants, documents, webhooks, the audit log. Those of the asyncio agent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from . import _people, _types
from ._people import Greeting
from ._records import (
    Action,
    ApiKey,
    Assistant,
    AuditEntry,
    CleanedUp,
    ConversationSummary,
    Credential,
    Erased,
    KeyLimit,
    KnowledgeDocument,
    Login,
    NewApiKey,
    Organization,
    Principal,
    Registered,
    SignedWebhook,
    Source,
    StoredAssistant,
    User,
    Webhook,
    WebhookDelivery,
)
from ._types import Message, Page, Session
from ._waiting import awaited

if TYPE_CHECKING:
    from ._aio import AsyncVoiceAgent

T = TypeVar("T")


class _Room:
    """A room of the native half, and what every call of it says."""

    _name: str

    def __init__(self, agent: AsyncVoiceAgent, **also: Optional[str]) -> None:
        self._agent = agent
        self._also = also

    async def _answer(self, method: str, **arguments: object) -> Tuple[Any, Optional[bytes]]:
        native = await self._agent._native()
        json_, sound = await awaited(native.call(self._name, method, json.dumps({**self._also, **arguments})))
        return json.loads(json_), sound

    async def _run(self, method: str, convert: Callable[[Any], T], **arguments: object) -> T:
        return convert((await self._answer(method, **arguments))[0])


class AsyncSessions(_Room):
    """The conversations that are kept, and their messages.

    With `for_user`, only that user's are reachable: any other is a `SessionNotFoundError`.
    """

    _name = "sessions"

    def for_user(self, user: str) -> AsyncSessions:
        """The sessions of one user."""
        return AsyncSessions(self._agent, **{**self._also, "user": user})

    def of(self, organization: str) -> AsyncSessions:
        """The sessions of one organization."""
        return AsyncSessions(self._agent, **{**self._also, "organization": organization})

    async def create(self, *, metadata: Optional[Mapping[str, Any]] = None, assistant: Optional[str] = None) -> Session:
        """Starts a session with your own data, and with the assistant of this id in its current version."""
        return await self._run("create", _types.session, metadata=metadata, assistant=assistant)

    async def get(self, id: str) -> Session:
        """A session."""
        return await self._run("get", _types.session, id=id)

    async def list(
        self,
        *,
        status: Optional[str] = None,
        assistant: Optional[str] = None,
        limit: int = 20,
        before: Optional[str] = None,
    ) -> Page[Session]:
        """Sessions, newest first: at most `limit` (1 to 100), of one `status`, of one `assistant`, older than the session
        `before`."""
        return await self._run(
            "list", _types.page(_types.session), status=status, assistant=assistant, limit=limit, before=before
        )

    async def history(self, id: str, *, limit: int = 20, before: Optional[str] = None) -> Page[Message]:
        """The latest messages of a session, oldest first: at most `limit` (1 to 100), older than the message `before`."""
        return await self._run("history", _types.page(_types.message), id=id, limit=limit, before=before)

    async def search(
        self, text: str, *, session: Optional[str] = None, limit: int = 20, before: Optional[str] = None
    ) -> Page[Message]:
        """Messages with all the words of a text, newest first, in every session of this view or in one."""
        return await self._run(
            "search", _types.page(_types.message), text=text, session=session, limit=limit, before=before
        )

    async def export(self, id: str, format: str = "json") -> str:
        """A whole conversation, written out: ``json``, ``text``, or captions as ``vtt`` or ``srt``."""
        return await self._run("export", str, id=id, format=format)

    async def greet(self, id: str) -> Optional[Greeting]:
        """Speaks and stores the first message of a session's assistant. None: it has none, or the conversation has gone on."""
        return _people.greeting(*(await self._answer("greet", id=id)))

    async def actions(
        self, id: str, *, type: Optional[str] = None, limit: int = 20, before: Optional[str] = None
    ) -> Page[Action]:
        """What was found in a session that has to be acted on, newest first: see ``actions`` in the config."""
        return await self._run("actions", _types.page(_types.action), id=id, type=type, limit=limit, before=before)

    async def summary(self, id: str) -> Optional[ConversationSummary]:
        """What a conversation came to, in the words of the language model, with everything that has to be acted on. It is kept, and
        written anew only when more was said since. None: nobody has said anything."""
        return await self._run("summary", _people.summary, id=id)

    async def recording(self, message: Message) -> Optional[bytes]:
        """The sound of a message as it is kept: a file. None: none was kept, or it was deleted."""
        answer = await self._answer("recording", id=message.session_id, message=_types.written(message))
        return answer[1]

    async def recording_url(self, message: Message, valid_seconds: float) -> Optional[str]:
        """An address at which anybody who has it can hear a message for that long (a week at most). None: none was kept, or the
        store gives no addresses."""
        answer = await self._answer(
            "recording_url", id=message.session_id, message=_types.written(message), valid_seconds=valid_seconds
        )
        url: Optional[str] = answer[0]
        return url

    async def set_metadata(self, id: str, metadata: Mapping[str, Any]) -> None:
        """Replaces your own data of a session."""
        return await self._run("set_metadata", _types.nothing, id=id, metadata=metadata)

    async def end(self, id: str) -> None:
        """Ends a session: it takes no more turns."""
        return await self._run("end", _types.nothing, id=id)

    async def delete(self, id: str) -> None:
        """Deletes a session with its messages."""
        return await self._run("delete", _types.nothing, id=id)

    async def erase_user(self) -> Erased:
        """Deletes every session of this view's user with everything said in them; says how much."""
        return await self._run("erase_user", _people.erased)

    async def expire_idle(self) -> int:
        """Marks sessions that were idle for too long (``limits.session_idle_minutes``) as expired; says how many."""
        return await self._run("expire_idle", int)

    async def delete_over(self, age_seconds: float) -> int:
        """Deletes sessions that have been over for that long, with their messages; says how many."""
        return await self._run("delete_over", int, age_seconds=age_seconds)

    async def delete_messages_older_than(self, age_seconds: float) -> int:
        """Deletes messages that are older than that, whatever becomes of their sessions; says how many."""
        return await self._run("delete_messages_older_than", int, age_seconds=age_seconds)

    async def clean_up(self) -> CleanedUp:
        """Expires idle sessions and deletes what ``retention`` in the config says is too old."""
        return await self._run("clean_up", _people.cleaned_up)


class AsyncAccounts(_Room):
    """Organizations, users and their API keys.

    What concerns one organization needs `of`, except on an agent that acts for somebody (`AsyncVoiceAgent.with_principal`). What
    belongs to another organization is answered exactly like what does not exist.
    """

    _name = "accounts"

    def of(self, organization: str) -> AsyncAccounts:
        """The users, keys and credentials of one organization."""
        return AsyncAccounts(self._agent, organization=organization)

    async def create_organization(self, name: str) -> Organization:
        """Creates an organization."""
        return await self._run("create_organization", _people.organization, name=name)

    async def organization(self, id: str) -> Organization:
        """An organization."""
        return await self._run("organization", _people.organization, id=id)

    async def organizations(self, *, limit: int = 20, before: Optional[str] = None) -> Page[Organization]:
        """Organizations, newest first."""
        return await self._run("organizations", _types.page(_people.organization), limit=limit, before=before)

    async def delete_organization(self, id: str) -> Erased:
        """Deletes an organization with all that belongs to it; says how much was said."""
        return await self._run("delete_organization", _people.erased, id=id)

    async def authenticate(self, key: str) -> Principal:
        """Whose key this is: `InvalidApiKeyError` for anything but a valid one. Counts against its rate limit."""
        return await self._run("authenticate", _people.principal, key=key)

    async def log_in(self, key: str) -> Login:
        """Whose key this is, and the user with it."""
        return await self._run("log_in", _people.login, key=key)

    async def admit(self, principal: Principal) -> None:
        """Counts one more call of somebody who was authenticated before, as on a connection that stays open."""
        return await self._run("admit", _types.nothing, principal=vars(principal))

    async def issue_token(self, keys: Mapping[str, Any], principal: Principal, valid_seconds: float) -> str:
        """An access token (JWT) for somebody, valid for a time.

        Parameters
        ----------
        keys
            ``{"keys": [{"id": …, "hs256": SECRET}], "issuer": …, "audience": …, "leeway_seconds": …}``; in place of ``hs256`` also
            ``ed25519`` with a private key, and ``ed25519_public`` with a public one, as PEM. The first signs, all verify.
        principal
            For whom.
        valid_seconds
            For how long.
        """
        return await self._run("issue_token", str, keys=keys, principal=vars(principal), valid_seconds=valid_seconds)

    async def authenticate_token(self, keys: Mapping[str, Any], token: str) -> Principal:
        """Whose access token this is: `UnauthorizedError` for anything but a valid one."""
        return await self._run("authenticate_token", _people.principal, keys=keys, token=token)

    async def register(self, email: str) -> Registered:
        """Registers a user by e-mail address, with a first key that is shown this once."""
        return await self._run("register", _people.registered, email=email)

    async def user(self, id: str) -> User:
        """A user."""
        return await self._run("user", _people.user, id=id)

    async def user_by_email(self, email: str) -> User:
        """The user with an e-mail address."""
        return await self._run("user_by_email", _people.user, email=email)

    async def users(self, *, limit: int = 20, before: Optional[str] = None) -> Page[User]:
        """Users, newest first."""
        return await self._run("users", _types.page(_people.user), limit=limit, before=before)

    async def delete_user(self, id: str) -> Erased:
        """Deletes a user with their keys and everything they said; says how much that was."""
        return await self._run("delete_user", _people.erased, id=id)

    async def create_key(
        self,
        *,
        user: Optional[str] = None,
        name: str = "",
        rate_limit: Optional[KeyLimit] = None,
        valid_seconds: Optional[float] = None,
    ) -> NewApiKey:
        """Makes a key, of the organization or of one of its users. Its secret is shown this once."""
        limit = None if rate_limit is None else vars(rate_limit)
        return await self._run(
            "create_key", _people.new_key, user=user, name=name, rate_limit=limit, valid_seconds=valid_seconds
        )

    async def keys(self, *, user: Optional[str] = None, limit: int = 20, before: Optional[str] = None) -> Page[ApiKey]:
        """Keys, newest first, revoked and expired ones too; never a secret."""
        return await self._run("keys", _types.page(_people.api_key), user=user, limit=limit, before=before)

    async def rotate_key(self, id: str) -> NewApiKey:
        """Makes a key in place of another, which is revoked in the same moment."""
        return await self._run("rotate_key", _people.new_key, id=id)

    async def revoke_key(self, id: str) -> None:
        """Revokes a key: from now on it opens nothing."""
        return await self._run("revoke_key", _types.nothing, id=id)

    async def set_credential(self, provider: str, secret: str) -> None:
        """Keeps the organization's own credential for a provider, encrypted (``accounts.credentials_key`` in the config). It is
        never given back."""
        return await self._run("set_credential", _types.nothing, provider=provider, secret=secret)

    async def credentials(self) -> List[Credential]:
        """For which providers there are credentials."""
        return await self._run("credentials", _people.credentials)

    async def delete_credential(self, provider: str) -> None:
        """Deletes the credential for a provider: the agent's own is used again."""
        return await self._run("delete_credential", _types.nothing, provider=provider)


class AsyncAssistants(_Room):
    """Assistants that are kept, each in all its versions: those of no organization, of one (`of`), or of whom the agent acts
    for. A session keeps the version with which it began."""

    _name = "assistants"

    def of(self, organization: str) -> AsyncAssistants:
        """The assistants of one organization."""
        return AsyncAssistants(self._agent, organization=organization)

    async def create(self, assistant: Assistant) -> StoredAssistant:
        """Keeps an assistant, in version 1."""
        return await self._run("create", _people.assistant, assistant=assistant)

    async def get(self, id: str) -> StoredAssistant:
        """An assistant in its current version."""
        return await self._run("get", _people.assistant, id=id)

    async def version(self, id: str, version: int) -> StoredAssistant:
        """An assistant in one of its versions, also after it was deleted."""
        return await self._run("version", _people.assistant, id=id, version=version)

    async def list(self, *, limit: int = 20, before: Optional[str] = None) -> Page[StoredAssistant]:
        """Assistants in their current version, newest first."""
        return await self._run("list", _types.page(_people.assistant), limit=limit, before=before)

    async def update(self, id: str, assistant: Assistant) -> StoredAssistant:
        """Replaces an assistant by the next version of it."""
        return await self._run("update", _people.assistant, id=id, assistant=assistant)

    async def patch(self, id: str, fields: Mapping[str, Any]) -> StoredAssistant:
        """Changes the fields that are named, in a next version. None brings back a default."""
        return await self._run("patch", _people.assistant, id=id, fields=fields)

    async def delete(self, id: str) -> None:
        """Deletes an assistant: nobody can start with it any more."""
        return await self._run("delete", _types.nothing, id=id)


class AsyncAudit(_Room):
    """The audit log: who changed what, and when."""

    _name = "audit"

    async def entries(
        self,
        *,
        organization: Optional[str] = None,
        actor: Optional[str] = None,
        action: Optional[str] = None,
        target: Optional[str] = None,
        limit: int = 20,
        before: Optional[str] = None,
    ) -> Page[AuditEntry]:
        """Entries, newest first, of one organization, actor, action or target."""
        return await self._run(
            "entries",
            _types.page(_people.audit_entry),
            organization=organization,
            actor=actor,
            action=action,
            target=target,
            limit=limit,
            before=before,
        )

    async def delete_older_than(self, age_seconds: float) -> int:
        """Deletes entries older than that; says how many."""
        return await self._run("delete_older_than", int, age_seconds=age_seconds)


class AsyncKnowledge(_Room):
    """Documents that answers are drawn from: those of no organization, of one (`of`), or of whom the agent acts for.

    Assistants name them in ``knowledge``, the config in ``knowledge.documents``. A change is followed at the next turn.
    """

    _name = "knowledge"

    def of(self, organization: str) -> AsyncKnowledge:
        """The documents of one organization."""
        return AsyncKnowledge(self._agent, organization=organization)

    async def add(
        self,
        title: str,
        text: str,
        *,
        format: Optional[str] = None,
        source: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> KnowledgeDocument:
        """Adds a document: ``format`` is ``text`` (the default), ``markdown`` or ``html``. One with this content that is there already is
        given back as it is."""
        return await self._run(
            "add", _people.document, title=title, text=text, format=format, source=source, metadata=metadata
        )

    async def get(self, id: str) -> KnowledgeDocument:
        """A document."""
        return await self._run("get", _people.document, id=id)

    async def text(self, id: str) -> str:
        """The text of a document, as it is searched: of a page, the Markdown that was made of it."""
        return await self._run("text", str, id=id)

    async def list(self, *, limit: int = 20, before: Optional[str] = None) -> Page[KnowledgeDocument]:
        """Documents, newest first."""
        return await self._run("list", _types.page(_people.document), limit=limit, before=before)

    async def update(
        self,
        id: str,
        *,
        title: Optional[str] = None,
        text: Optional[str] = None,
        format: Optional[str] = None,
        source: Optional[str] = None,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> KnowledgeDocument:
        """Changes what is given. An empty ``source`` takes it away."""
        return await self._run(
            "update", _people.document, id=id, title=title, text=text, format=format, source=source, metadata=metadata
        )

    async def delete(self, id: str) -> None:
        """Deletes a document. Assistants that name it do without it from their next turn on."""
        return await self._run("delete", _types.nothing, id=id)

    async def search(
        self,
        text: str,
        *,
        documents: Optional[Sequence[str]] = None,
        top_k: Optional[int] = None,
        min_score: Optional[float] = None,
    ) -> List[Source]:
        """The passages of these documents, or of all, that a turn would find, the best first."""
        return await self._run(
            "search", _people.found, text=text, documents=documents, top_k=top_k, min_score=min_score
        )


class AsyncWebhooks(_Room):
    """Webhooks, and what was delivered to them: those of no organization, of one (`of`), or of whom the agent acts for.

    What becomes of sessions and turns is told by itself: `session.started`, `session.ended`, `turn.completed`.
    """

    _name = "webhooks"

    def of(self, organization: str) -> AsyncWebhooks:
        """The webhooks of one organization."""
        return AsyncWebhooks(self._agent, organization=organization)

    async def create(
        self, url: str, *, events: Optional[Sequence[str]] = None, description: str = "", enabled: bool = True
    ) -> SignedWebhook:
        """Makes a webhook for these events (`session.*` for all of a kind), or for all. Its secret is shown this once."""
        return await self._run(
            "create", _people.signed_webhook, url=url, events=events, description=description, enabled=enabled
        )

    async def get(self, id: str) -> Webhook:
        """A webhook."""
        return await self._run("get", _people.webhook, id=id)

    async def list(self, *, limit: int = 20, before: Optional[str] = None) -> Page[Webhook]:
        """Webhooks, newest first."""
        return await self._run("list", _types.page(_people.webhook), limit=limit, before=before)

    async def update(
        self,
        id: str,
        *,
        url: Optional[str] = None,
        events: Optional[Sequence[str]] = None,
        description: Optional[str] = None,
        enabled: Optional[bool] = None,
    ) -> Webhook:
        """Changes what is given. An empty list of events stands for all."""
        return await self._run(
            "update", _people.webhook, id=id, url=url, events=events, description=description, enabled=enabled
        )

    async def delete(self, id: str) -> None:
        """Deletes a webhook with the log of its deliveries."""
        return await self._run("delete", _types.nothing, id=id)

    async def rotate_secret(self, id: str, *, overlap_seconds: Optional[float] = None) -> SignedWebhook:
        """Makes a new secret, shown this once; the old one signs besides for that long (24 hours by default)."""
        return await self._run("rotate_secret", _people.signed_webhook, id=id, overlap_seconds=overlap_seconds)

    async def test(self, id: str) -> WebhookDelivery:
        """Sends an event `webhook.test`; ask for the `delivery` to see what became of it."""
        return await self._run("test", _people.delivery, id=id)

    async def deliveries(
        self,
        *,
        webhook: Optional[str] = None,
        status: Optional[str] = None,
        name: Optional[str] = None,
        limit: int = 20,
        before: Optional[str] = None,
    ) -> Page[WebhookDelivery]:
        """Deliveries with their attempts, newest first: of one webhook, `pending`, `delivered` or `failed`, of one event's name."""
        return await self._run(
            "deliveries",
            _types.page(_people.delivery),
            webhook=webhook,
            status=status,
            name=name,
            limit=limit,
            before=before,
        )

    async def delivery(self, id: str) -> WebhookDelivery:
        """A delivery with its attempts."""
        return await self._run("delivery", _people.delivery, id=id)

    async def redeliver(self, id: str) -> WebhookDelivery:
        """Delivers again what was delivered or has failed, with the same `webhook-id`."""
        return await self._run("redeliver", _people.delivery, id=id)

    async def send(self, name: str, data: Optional[Mapping[str, Any]] = None, *, session: Optional[str] = None) -> bool:
        """Tells the webhooks of an event of your own. False: none is enabled."""
        return await self._run("send", bool, name=name, data=data, session=session)

    async def verify(
        self,
        secrets: Sequence[str],
        *,
        id: str,
        timestamp: str,
        signature: str,
        body: Union[str, bytes],
        tolerance_seconds: Optional[float] = None,
    ) -> None:
        """Checks, for a receiver, that a message was signed with one of these secrets, within the last five minutes by default.

        `id`, `timestamp` and `signature` are the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, `body` what
        came, byte for byte. Raises `UnauthorizedError` when it is not so. Leave out messages whose id has come before.
        """
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        return await self._run(
            "verify",
            _types.nothing,
            secrets=list(secrets),
            id=id,
            timestamp=timestamp,
            signature=signature,
            body=text,
            tolerance_seconds=tolerance_seconds,
        )
