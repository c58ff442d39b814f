//! The agent and its sessions.

use std::ffi::c_char;

use serde_json::json;
use voice_bridge::{Agent, runtime};

use crate::{
    error::{run, run_blocking, value, vc_error, vc_status},
    handle::{self, handles},
    host::{adopted, vc_hosts},
    memory::{bytes, cleared, optional_text, put, text, vc_bytes},
};

/// An agent: any number of turns at a time, from any threads. The caller frees it with `vc_agent_free`.
pub struct vc_agent {
    _opaque: [u8; 0],
}

handles!(vc_agent => Agent);

/// Makes an agent that runs offline with local models.
///
/// `storage`: where conversations are kept, as in the config (`sqlite:voice.db`, `memory`); NULL: an SQLite file in the user's
/// data folder. `*agent` is the caller's to free. Fails with `VC_INVALID_REQUEST` when models are missing: the message says
/// how to fetch them. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_new_local(
    storage: *const c_char,
    agent: *mut *mut vc_agent,
    error: *mut *mut vc_error,
) -> vc_status {
    run_blocking(error, || {
        let agent = cleared("agent", agent)?;
        let mut config = json!({ "stt": "local", "llm": "local", "tts": "local" });
        if let Some(storage) = optional_text("storage", storage)? {
            config["storage"] = storage.into();
        }
        put(agent, handle::open(Agent::build(&config.to_string(), voice_bridge::Hosts::default()).wait()?));
        Ok(())
    })
}

/// Makes an agent from a config document and the host's own objects.
///
/// `config_json`: the config; NULL is `{}`. `hosts`: tables of host functions, or NULL; they are copied, and each `drop` is
/// called exactly once, when the last use is over, also when this call fails. `*agent` is the caller's to free. Blocks; not on a thread of
/// the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_new(
    config_json: *const c_char,
    hosts: *const vc_hosts,
    agent: *mut *mut vc_agent,
    error: *mut *mut vc_error,
) -> vc_status {
    run(error, || {
        let agent = cleared("agent", agent);
        // Before anything can fail, so that the host gets its objects back.
        let hosts = adopted(hosts)?;
        let agent = agent?;
        runtime::may_block()?;
        let config = optional_text("config_json", config_json)?.unwrap_or_else(|| "{}".to_owned());
        put(agent, handle::open(Agent::build(&config, hosts).wait()?));
        Ok(())
    })
}

/// Makes every provider ready, so that the first turn is as fast as the others. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_warm_up(agent: *const vc_agent, error: *mut *mut vc_error) -> vc_status {
    run_blocking(error, || handle::get(agent)?.warm_up().wait())
}

/// Closes an agent: cancels what runs, finishes what is being saved. The handle stays, to be freed; turns fail from now on. A
/// second time is fine. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_close(agent: *const vc_agent, error: *mut *mut vc_error) -> vc_status {
    run_blocking(error, || handle::get(agent)?.close().wait())
}

/// Frees an agent's handle. Turns under way keep the agent until they end; call `vc_agent_close` first to end them. NULL and a second time are
/// fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_free(agent: *mut vc_agent) {
    value((), || drop(handle::take(agent)));
}

/// Runs a method of the session store, JSON in and out.
///
/// | method | arguments | gives |
/// |---|---|---|
/// | `create` | `user?`, `metadata?` | session |
/// | `get` | `id`, `user?` | session |
/// | `list` | `user?`, `status?`, `limit?`, `before?` | `{items, has_more}` |
/// | `history` | `id`, `user?`, `limit?`, `before?` | `{items, has_more}` |
/// | `set_metadata` | `id`, `user?`, `metadata` | null |
/// | `end`, `delete` | `id`, `user?` | null |
/// | `expire_idle` | | number |
/// | `delete_over` | `age_seconds` | number |
///
/// `arguments_json`: an object; NULL is `{}`. `*result` is the caller's to free. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_sessions_call(
    agent: *const vc_agent,
    method: *const c_char,
    arguments_json: *const c_char,
    result: *mut *mut vc_bytes,
    error: *mut *mut vc_error,
) -> vc_status {
    run_blocking(error, || {
        let result = cleared("result", result)?;
        let arguments = optional_text("arguments_json", arguments_json)?.unwrap_or_else(|| "{}".to_owned());
        let answer = handle::get(agent)?.call("sessions", &text("method", method)?, &arguments).wait()?;
        put(result, bytes(answer.json.into_bytes()));
        Ok(())
    })
}
