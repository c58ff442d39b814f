//! What a turn costs through C, beside the same turn through the bridge from Rust: the same providers, which answer at once.

use std::{
    ffi::{c_char, c_void},
    ptr::{null, null_mut},
    time::Instant,
};

use voice_core_c::*;

extern "C" fn hear(_: *mut c_void, _: *const i16, _: usize, _: *const c_char, answer: *mut vc_responder) {
    vc_responder_free(answer);
}

extern "C" fn think(_: *mut c_void, _: *const c_char, answer: *mut vc_responder) {
    vc_responder_send_text(answer, c"Yes.".as_ptr());
    vc_responder_finish(answer);
}

extern "C" fn speak(_: *mut c_void, _: *const c_char, _: *const c_char, answer: *mut vc_responder) {
    vc_responder_free(answer);
}

struct Rust;

impl voice_bridge::host::HostStt for Rust {
    fn transcribe(
        &self,
        _: std::sync::Arc<[i16]>,
        _: Option<String>,
        _: voice_bridge::host::Responder<voice_bridge::host::Transcript>,
    ) {
    }
}

impl voice_bridge::host::HostLlm for Rust {
    fn generate(&self, _: String, answer: voice_bridge::host::Responder<String>) {
        answer.send("Yes.".to_owned());
        answer.finish();
    }
}

impl voice_bridge::host::HostTts for Rust {
    fn synthesize(&self, _: String, _: Option<String>, _: voice_bridge::host::Responder<voice_bridge::host::Pcm>) {}
}

/// The median of many runs, in microseconds: the machine may be busy with other things.
fn median(mut run: impl FnMut()) -> f64 {
    let mut all: Vec<f64> = (0..2_000)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[test]
fn a_turn_through_c_costs_little_more_than_in_rust() {
    use voice_bridge::{Agent, Hosts, Input, TurnOptions, host};
    let config = r#"{"storage": "memory"}"#;
    let hosts = Hosts {
        stt: vec![std::sync::Arc::new(host::SttAdaptor("rust/stt".to_owned(), Rust))],
        llm: vec![std::sync::Arc::new(host::LlmAdaptor("rust/llm".to_owned(), Rust))],
        tts: vec![std::sync::Arc::new(host::TtsAdaptor("rust/tts".to_owned(), Rust))],
        store: None,
    };
    let agent = Agent::build(config, hosts).wait().unwrap();
    let in_rust = median(|| {
        let options = TurnOptions { speak: Some(false), ..TurnOptions::default() };
        agent.turn(Input::Text("Hello".to_owned()), options).wait().unwrap();
    });

    let stt = vc_stt_vtable { name: null(), user_data: null_mut(), transcribe: Some(hear), drop: None };
    let llm = vc_llm_vtable { name: null(), user_data: null_mut(), generate: Some(think), drop: None };
    let tts = vc_tts_vtable { name: null(), user_data: null_mut(), synthesize: Some(speak), drop: None };
    let hosts = vc_hosts { stt: &raw const stt, llm: &raw const llm, tts: &raw const tts, store: null() };
    let mut agent = null_mut();
    assert_eq!(
        vc_agent_new(c"{\"storage\": \"memory\"}".as_ptr(), &raw const hosts, &raw mut agent, null_mut()),
        vc_status::VC_OK
    );
    let input = vc_input {
        text: c"Hello".as_ptr(),
        path: null(),
        bytes: null(),
        samples: null(),
        samples_f32: null(),
        length: 0,
        sample_rate: 0,
        channels: 0,
    };
    let options = vc_turn_options { session: null(), user: null(), language: null(), deadline_ms: 0, silent: true };
    let in_c = median(|| {
        let mut reply = null_mut();
        let status = vc_turn_run(agent, &raw const input, &raw const options, &raw mut reply, null_mut());
        assert_eq!(status, vc_status::VC_OK);
        vc_reply_free(reply);
    });
    vc_agent_free(agent);
    println!(
        "a turn with providers that answer at once: Rust {in_rust:.0} us, C {in_c:.0} us, added {:.0} us",
        in_c - in_rust
    );
    assert!(in_c - in_rust < 150.0, "C adds {:.0} us to the {in_rust:.0} us of Rust", in_c - in_rust);
}
