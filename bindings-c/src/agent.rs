//! The agent, and what is kept.

use std::ffi::c_char;

use serde_json::json;
use voice_bridge::{Agent, runtime};

use crate::{
    error::{ErrorOut, free, give, give_blocking, of, run, run_blocking, vc_status},
    handle::{self, handles},
    host::{adopted, vc_hosts},
    memory::{bytes, cleared, object, optional_text, put, text, vc_bytes},
};

/// An agent: any number of turns at a time, from any threads. The caller frees it with `vc_agent_free`.
pub struct vc_agent(());

handles!(vc_agent => Agent);

/// Makes an agent that runs offline with local models.
///
/// `storage`: where conversations are kept, as in the config (`sqlite:voice.db`, `memory`); NULL: an SQLite file in the user's
/// data folder. `*agent` is the caller's to free. Fails with `VC_INVALID_REQUEST` when models are missing: the message says
/// how to fetch them. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_new_local(storage: *const c_char, agent: *mut *mut vc_agent, error: ErrorOut) -> vc_status {
    give_blocking(("agent", agent), error, || {
        let mut config = json!({ "stt": "local", "llm": "local", "tts": "local" });
        if let Some(storage) = optional_text("storage", storage)? {
            config["storage"] = storage.into();
        }
        Ok(handle::open(Agent::build(&config.to_string(), voice_bridge::Hosts::default()).wait()?))
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
    error: ErrorOut,
) -> vc_status {
    run(error, || {
        let agent = cleared("agent", agent);
        // Before anything can fail, so that the host gets its objects back.
        let hosts = adopted(hosts)?;
        let agent = agent?;
        runtime::may_block()?;
        put(agent, handle::open(Agent::build(&object("config_json", config_json)?, hosts).wait()?));
        Ok(())
    })
}

/// How many reports neither the host's `vc_metrics_vtable` nor a collector took: they were too slow, failed, or were gone. 0 for a handle that
/// is none. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_dropped_reports(agent: *const vc_agent) -> u64 {
    of(agent, 0, Agent::dropped_reports)
}

/// Makes every provider ready, so that the first turn is as fast as the others. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_warm_up(agent: *const vc_agent, error: ErrorOut) -> vc_status {
    run_blocking(error, || handle::get(agent)?.warm_up().wait())
}

/// Closes an agent: cancels what runs, finishes what is being saved. The handle stays, to be freed; turns fail from now on. A
/// second time is fine. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_close(agent: *const vc_agent, error: ErrorOut) -> vc_status {
    run_blocking(error, || handle::get(agent)?.close().wait())
}

/// Frees an agent's handle. Turns under way keep the agent until they end; call `vc_agent_close` first to end them. NULL and a second time are
/// fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_free(agent: *mut vc_agent) {
    free(agent);
}

/// Runs a method of a room: what is kept, and who may reach it. JSON in and out.
///
/// The rooms are `sessions`, `accounts`, `assistants`, `audit`, `knowledge`, `telephony`, `webhooks`, `realtime` and `voices`; README.md lists
/// their methods. `arguments_json`: an object; NULL is `{}`. `*answer` is the caller's to free, and so is `*sound`, the bytes that a few methods give besides (`greet`: 16-bit samples;
/// `recording`, `preview`: a file), otherwise NULL; a NULL `sound` does without. Blocks; not on a thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_call(
    agent: *const vc_agent,
    room: *const c_char,
    method: *const c_char,
    arguments_json: *const c_char,
    answer: *mut *mut vc_bytes,
    sound: *mut *mut vc_bytes,
    error: ErrorOut,
) -> vc_status {
    // Both places are emptied before anything can be refused.
    put(sound, std::ptr::null_mut());
    give_blocking(("answer", answer), error, || {
        let arguments = object("arguments_json", arguments_json)?;
        let given = handle::get(agent)?.call(&text("room", room)?, &text("method", method)?, &arguments).wait()?;
        if let Some(given) = given.sound.filter(|_| !sound.is_null()) {
            put(sound, bytes(given));
        }
        Ok(bytes(given.json.into_bytes()))
    })
}

/// The same agent as somebody with a credential reaches it: turns, live sessions and rooms hold nothing of anybody else.
///
/// `principal_json`: what `authenticate` of the room `accounts` gave, or `{"organization": ID, "user": ID}` of a host that knows
/// its callers by means of its own. `*scoped` is the caller's to free, before or after `agent`. Fails with `VC_UNAUTHORIZED` when `agent` acts
/// for somebody already. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_agent_with(
    agent: *const vc_agent,
    principal_json: *const c_char,
    scoped: *mut *mut vc_agent,
    error: ErrorOut,
) -> vc_status {
    give(("scoped", scoped), error, || {
        Ok(handle::open(handle::get(agent)?.with(&text("principal_json", principal_json)?)?))
    })
}
