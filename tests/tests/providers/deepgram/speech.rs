//! Speech.

use super::*;

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

#[tokio::test]
async fn speech_comes_as_it_is_made_in_pieces_of_any_length() {
    let double = double().await;
    let samples: Vec<i16> = (0..3000).collect();
    for piece in [1999, 1, 4801] {
        let pieces = bytes(&samples).chunks(piece).map(<[u8]>::to_vec).collect::<Vec<_>>();
        double.always(SPEAK, Reply::raw(200, "audio/l16;rate=24000", pieces));
        let sound = speak(&tts(&double)).await.unwrap();
        let heard: Vec<i16> = sound.iter().flat_map(|p| p.samples().to_vec()).collect();
        assert_eq!(heard, samples, "in pieces of {piece}");
        assert!(sound.iter().all(|p| p.sample_rate() == 24_000));
    }
    let request = &double.requests()[0];
    assert_eq!(request.path, "/v1/speak?model=aura-2-thalia-en&encoding=linear16&container=none&sample_rate=24000");
    assert_eq!(request.json(), Some(&json!({"text": SECRET_WORDS})));
    assert_eq!(request.authorization.as_ref().unwrap().expose(), format!("Token {KEY}"));

    let changed = tts(&double).voice("aura-2-luna-en").sample_rate(8_000).speed(1.25).mip_opt_out(true);
    assert_eq!((changed.name(), changed.capabilities().max_characters), ("deepgram/aura-2-luna-en", 2000));
    assert_eq!(speak(&changed).await.unwrap()[0].sample_rate(), 8_000);
    let query = "model=aura-2-luna-en&encoding=linear16&container=none&sample_rate=8000&speed=1.25&mip_opt_out=true";
    assert_eq!(double.requests().pop().unwrap().path, format!("/v1/speak?{query}"));
    changed.warm_up().await.unwrap();

    let asked = double.count(SPEAK);
    let nothing = tts(&double).synthesize(SynthesisRequest::new(" \n"), &CallContext::new()).await.unwrap();
    assert_eq!((nothing.count().await, double.count(SPEAK)), (0, asked), "nothing to say is not sent");
    let requests = double.requests();
    conform(&Spec::named("openapi/deepgram.openapi.trimmed.yml"), &requests[..requests.len() - 1]);
}

#[tokio::test]
async fn what_is_no_speech_is_typed() {
    use ErrorKind as K;
    let silence = || Reply::raw(200, "audio/l16", vec![vec![0u8; 4801]; 4]);
    for (what, reply, kind) in [
        ("reset", silence().reset_after(2), K::ConnectionLost),
        ("cut", silence().cut_after(2), K::ConnectionLost),
        ("nothing", Reply::raw(200, "audio/l16", [""; 0]), K::MalformedResponse),
        ("MP3", Reply::raw(200, "audio/mpeg", ["ID3\u{4}\0\0\0\0\0\0\0\0"]), K::MalformedResponse),
        ("an error", Reply::json(200, json!({"err_code": "OOPS", "err_msg": "no"})), K::ProviderFailed),
        ("broken JSON", Reply::raw(200, "application/json", ["{nonsense"]), K::MalformedResponse),
    ] {
        let double = double().await;
        double.always(SPEAK, reply);
        let error = speak(&tts(&double)).await.unwrap_err();
        assert_eq!((error.kind(), error.stage()), (kind, Some(Stage::Tts)), "{what}: {error:?}");
    }
}

#[tokio::test]
async fn speech_that_nobody_wants_is_not_asked_for_any_more() {
    let double = double().await;
    double.always(SPEAK, Reply::raw(200, "audio/l16", vec![vec![0u8; 4800]; 2]).hang_after(1));
    let tts = tts(&double);
    let mut sound = tts.synthesize(SynthesisRequest::new("Hi."), &CallContext::new()).await.unwrap();
    assert!(patient(sound.try_next()).await.unwrap().is_some());
    drop(sound);
    let cancelled = CallContext::new();
    cancelled.cancel.cancel();
    let error = tts.synthesize(SynthesisRequest::new("Hi."), &cancelled).await.err().unwrap();
    assert_eq!((error.kind(), double.count(SPEAK)), (ErrorKind::Cancelled, 1));
}
