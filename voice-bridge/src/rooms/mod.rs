//! What is kept, and who may reach it, by room and method: JSON in and out, so that every language offers the same calls.
//!
//! Arguments marked `?` may be left out or null. A method, or an argument, that does not exist is a `VALIDATION_ERROR` that names
//! it. Ids are UUIDs as text, times RFC 3339 in UTC, lists `{items, has_more}`: `limit` (1–100, default 20) says how many, and
//! `before` continues after a page, with the id of its last item (of its first for `history`).
//!
//! # `sessions`
//!
//! Every method takes `user?` and `organization?` as well: only that user's sessions are there, only that organization's.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `create` | `metadata?`, `assistant?` | session |
//! | `get` | `id` | session |
//! | `list` | `status?`, `assistant?`, `limit?`, `before?` | sessions |
//! | `history` | `id`, `limit?`, `before?` | messages |
//! | `search` | `text`, `session?`, `limit?`, `before?` | messages |
//! | `export` | `id`, `format` (`json`, `text`, `vtt`, `srt`) | string |
//! | `greet` | `id` | `{text, session_id, message_id, sample_rate, audio_seconds, audio_error}` and 16-bit samples; or null |
//! | `actions` | `id`, `type?`, `limit?`, `before?` | actions: what has to be acted on, newest first |
//! | `summary` | `id` | `{session_id, text, points, actions, until, created_at}`, or null |
//! | `recording` | `id`, `message` (as `history` gives it) | number of bytes, and the file; or null |
//! | `recording_url` | `id`, `message`, `valid_seconds` | string or null |
//! | `set_metadata` | `id`, `metadata` | null |
//! | `end`, `delete` | `id` | null |
//! | `erase_user` | | `{sessions, messages}` |
//! | `expire_idle` | | number |
//! | `delete_over`, `delete_messages_older_than` | `age_seconds` | number |
//! | `clean_up` | | `{expired, sessions, messages, audit_entries}` |
//!
//! # `accounts`
//!
//! Those of the lower half take `organization` as well; an agent that acts for somebody knows it already.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `create_organization` | `name` | organization |
//! | `organization` | `id` | organization |
//! | `organizations` | `limit?`, `before?` | organizations |
//! | `delete_organization` | `id` | `{sessions, messages}` |
//! | `authenticate` | `key` | principal |
//! | `log_in` | `key` | `{principal, user}` |
//! | `admit` | `principal` | null |
//! | `issue_token` | `keys`, `principal`, `valid_seconds` | string |
//! | `authenticate_token` | `keys`, `token` | principal |
//! | `register` | `email` | `{user, key, secret}`: the secret is shown this once |
//! | `user`, `user_by_email` | `id`, or `email` | user |
//! | `users` | `limit?`, `before?` | users |
//! | `delete_user` | `id` | `{sessions, messages}` |
//! | `create_key` | `user?`, `name?`, `rate_limit?` (`{per_minute, burst}`), `valid_seconds?` | `{key, secret}` |
//! | `keys` | `user?`, `limit?`, `before?` | keys |
//! | `rotate_key` | `id` | `{key, secret}` |
//! | `revoke_key` | `id` | null |
//! | `set_credential` | `provider`, `secret` | null |
//! | `credentials` | | a list of `{provider, updated_at}` |
//! | `delete_credential` | `provider` | null |
//!
//! A principal is `{organization, user, actor}`, for [`Agent::with`]. `keys` is
//! `{keys: [KEY, …], issuer?, audience?, leeway_seconds?}`: the first key signs, all verify. A key is `{id, hs256: SECRET}`,
//! `{id, ed25519: PRIVATE_PEM}` or `{id, ed25519_public: PEM}`; two of one id are the halves of one.
//!
//! # `assistants`
//!
//! Every method takes `organization?` as well: the assistants of that one; otherwise those that belong to none, or to whom the
//! agent acts for.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `create` | `assistant` | assistant |
//! | `get` | `id` | assistant |
//! | `version` | `id`, `version` | assistant |
//! | `list` | `limit?`, `before?` | assistants |
//! | `update` | `id`, `assistant` | assistant |
//! | `patch` | `id`, `fields` | assistant |
//! | `delete` | `id` | null |
//!
//! # `audit`
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `entries` | `organization?`, `actor?`, `action?`, `target?`, `limit?`, `before?` | entries |
//! | `delete_older_than` | `age_seconds` | number |
//!
//! # `knowledge`
//!
//! Every method takes `organization?` as well, as those of `assistants` do.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `add` | `title`, `text`, `format?` (`text`, `markdown`, `html`), `source?`, `metadata?` | document; the one that is there, if there is one with this content |
//! | `get` | `id` | document |
//! | `text` | `id` | string |
//! | `list` | `limit?`, `before?` | documents |
//! | `update` | `id`, `title?`, `text?`, `format?`, `source?`, `metadata?` | document |
//! | `delete` | `id` | null |
//! | `search` | `text`, `documents?` (a list of ids), `top_k?`, `min_score?` | a list of sources, the best first |
//!
//! # `telephony`
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `read` | `message`, `protocol?` | phone call, or null for what a carrier says before it |
//! | `verify_twilio` | `auth_token`, `url`, `params?`, `signature` | whether Twilio signed the request |
//! | `verify_plivo` | `auth_token`, `url`, `params?`, `nonce`, `signature` | whether Plivo (or Vobiz) did |
//! | `verify_telnyx` | `public_key`, `timestamp`, `body`, `signature` | whether Telnyx did, within five minutes |
//!
//! A phone call is `{protocol, stream_id, call_id, account_id, from_number, to_number, encoding, sample_rate, parameters, details}`. `protocol` is
//! `twilio`, `plivo`, `vobiz`, `exotel`, `telnyx` or `vonage`, or `auto`, the default: it is told from the message. `params` are the
//! fields of a form that was posted, a string or a list of strings by name.
//!
//! # `webhooks`
//!
//! Every method takes `organization?` as well, as those of `assistants` do. A user's credential reaches none of them.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `create` | `url`, `events?` (a list of names), `description?`, `enabled?` | `{webhook, secret}`: the secret is shown this once |
//! | `get` | `id` | webhook |
//! | `list` | `limit?`, `before?` | webhooks |
//! | `update` | `id`, `url?`, `events?`, `description?`, `enabled?` | webhook |
//! | `delete` | `id` | null |
//! | `rotate_secret` | `id`, `overlap_seconds?` | `{webhook, secret}` |
//! | `test` | `id` | delivery |
//! | `deliveries` | `webhook?`, `status?` (`pending`, `delivered`, `failed`), `name?`, `limit?`, `before?` | deliveries |
//! | `delivery`, `redeliver` | `id` | delivery |
//! | `send` | `name`, `data?`, `session?` | whether anybody listens |
//! | `verify` | `secrets`, `id`, `timestamp`, `signature`, `body`, `tolerance_seconds?` | null, or fails with `UNAUTHORIZED` |
//!
//! # `realtime`
//!
//! Both take `organization?`, `assistant?`, `instructions?`, `voice?` and `language?` as well.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `client_secret` | `valid_seconds?` | `{value, expires_at}`: the secret of a browser, not the key |
//! | `answer_call` | `offer` | `{sdp, call_id}` |
//!
//! # `voices`
//!
//! Both take `provider?` (one of the agent's list, or any that assistants may name; default: the first of the list) and
//! `organization?` as well.
//!
//! | method | arguments | gives |
//! |---|---|---|
//! | `list` | `language?`, `limit?` (1–10,000, default 10,000) | voices |
//! | `preview` | `voice?`, `settings?`, `text?`, `language?`, `format?` (`wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law`, `pcm`; default `wav`) | `{provider, voice, text, language, media_type, sample_rate, audio_seconds, usage, cost}`, and the sound as a file |
//!
//! A voice is `{id, name, languages, gender, description, preview_url, labels}`.

mod accounts;
mod assistants;
mod audit;
mod knowledge;
mod realtime;
pub(crate) mod records;
mod sessions;
mod telephony;
mod tokens;
mod voices;
mod webhooks;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voice_core::{Error, ErrorKind, agent::Principal, store::Page};

use crate::{Agent, ErrorRecord, Outcome, arguments::Arguments};

/// What a method of a room gave. It may hold a secret that is shown this once: it is neither printed nor logged.
pub struct Answer {
    /// The answer as JSON.
    pub json: String,
    /// Sound that goes with it.
    pub sound: Option<Vec<u8>>,
}

impl Answer {
    fn new(value: Value, sound: Option<Vec<u8>>) -> Self {
        Self { json: value.to_string(), sound }
    }
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::new(value, None)
    }
}

pub(crate) async fn call(agent: &Agent, room: &str, method: &str, arguments: Arguments) -> Outcome<Answer> {
    match room {
        "sessions" => sessions::call(agent, method, &arguments).await,
        "accounts" => accounts::call(agent, method, &arguments).await.map(Answer::from),
        "assistants" => assistants::call(agent, method, &arguments).await.map(Answer::from),
        "audit" => audit::call(agent, method, &arguments).await.map(Answer::from),
        "knowledge" => knowledge::call(agent, method, &arguments).await.map(Answer::from),
        "telephony" => telephony::call(method, &arguments).map(Answer::from),
        "webhooks" => webhooks::call(agent, method, &arguments).await.map(Answer::from),
        "realtime" => realtime::call(agent, method, &arguments).await.map(Answer::from),
        "voices" => voices::call(agent, method, &arguments).await,
        other => Err(ErrorRecord::invalid(format!(
            "there is no room {other:?}; known: sessions, accounts, assistants, audit, knowledge, telephony, webhooks, realtime, voices"
        ))),
    }
}

/// Refuses a method that is not there, and arguments that it does not take.
fn check(room: &str, methods: &[(&str, &[&str])], method: &str, also: &[&str], arguments: &Arguments) -> Outcome<()> {
    let Some((_, own)) = methods.iter().find(|(name, _)| *name == method) else {
        let known: Vec<_> = methods.iter().map(|(name, _)| *name).collect();
        return Err(ErrorRecord::invalid(format!(
            "there is no method {method:?} of {room}; known: {}",
            known.join(", ")
        )));
    };
    arguments.only(&[*own, also].concat())
}

fn undone(room: &str, method: &str) -> ErrorRecord {
    ErrorRecord::internal(format!("the method {method} of {room} is listed and not there"))
}

fn page<T: Serialize>(page: &Page<T>) -> Value {
    json!({ "items": page.items, "has_more": page.has_more })
}

/// Reads a principal.
pub(crate) fn principal(value: Value) -> Outcome<Principal> {
    Principal::deserialize(value).map_err(|e| {
        ErrorRecord::invalid(format!("principal: {e}; expected what `authenticate` gives, or organization and user"))
    })
}

pub(crate) fn forbidden(why: &str) -> ErrorRecord {
    Error::new(ErrorKind::Forbidden, why).into()
}
