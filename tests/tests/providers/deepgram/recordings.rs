//! Recognition of whole recordings.

use super::*;

#[tokio::test]
async fn a_recording_is_sent_with_what_is_set_and_its_transcript_comes_back() {
    let double = double().await;
    double.always(RECORDED, Reply::json(200, answer(" What time is it? ")));
    let heard = transcribe(&stt(&double), Some("en-GB")).await.unwrap();
    assert_eq!(heard, [Transcript::last("What time is it?")]);
    let request = &double.requests()[0];
    assert_eq!(request.path, "/v1/listen?model=nova-3&smart_format=true&language=en-GB");
    assert_eq!(request.authorization.as_ref().unwrap().expose(), format!("Token {KEY}"));
    assert_eq!(request.header("content-type"), Some("audio/wav"));
    let RecordedBody::Bytes(sent) = &request.body else { panic!("sound is expected") };
    assert_eq!((&sent[..4], sent.len()), (&b"RIFF"[..], 44 + 3200));

    let plain = || stt(&double);
    for (stt, language, query) in [
        (plain(), None, "model=nova-3&smart_format=true&detect_language=true"),
        (plain(), Some("de-AT"), "model=nova-3&smart_format=true&language=de"),
        (plain().smart_format(false), Some("hi"), "model=nova-3&punctuate=true&language=hi"),
        (plain().model("nova-3-medical"), None, "model=nova-3-medical&smart_format=true"),
        (
            plain().keyterms(["Ada Lovelace", " ", "Pune"]).mip_opt_out(true),
            Some("en"),
            "model=nova-3&keyterm=Ada+Lovelace&keyterm=Pune&mip_opt_out=true&smart_format=true&language=en",
        ),
        (
            plain().model("nova-2").keyterms(["Ada"]),
            None,
            "model=nova-2&keywords=Ada&smart_format=true&detect_language=true",
        ),
        (plain().model("flux-general-en"), Some("en"), "model=nova-3&smart_format=true&language=en"),
    ] {
        transcribe(&stt, language).await.unwrap();
        assert_eq!(double.requests().pop().unwrap().path, format!("/v1/listen?{query}"));
    }
    plain().warm_up().await.unwrap();
    let requests = double.requests();
    assert_eq!(requests.last().unwrap().path, "/v1/models");
    conform(&Spec::named("openapi/deepgram.openapi.trimmed.yml"), &requests[..requests.len() - 1]);
}

#[tokio::test]
async fn answers_of_every_form_are_read() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = answer("Namaste.");
        change(&mut body["results"]["channels"][0]);
        body
    };
    let said = || Transcript::last("Namaste.");
    for (what, body, expected) in [
        ("a language", changed(&|c| c["detected_language"] = "hi".into()), said().with_language("hi")),
        (
            "languages",
            changed(&|c| c["alternatives"][0]["languages"] = json!(["hi", "en"])),
            said().with_language("hi"),
        ),
        ("unknown fields", changed(&|c| c["odd"] = json!({"more": [1]})), said()),
        ("silence", changed(&|c| c["alternatives"][0]["transcript"] = "".into()), Transcript::last("")),
        ("no alternative", changed(&|c| c["alternatives"] = json!([])), Transcript::last("")),
    ] {
        let double = double().await;
        double.always(RECORDED, Reply::json(200, body));
        assert_eq!(transcribe(&stt(&double), None).await.unwrap(), [expected], "{what}");
    }
}
