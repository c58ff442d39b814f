//! Examples of the official description.

use std::{fs, path::Path};

use super::*;

fn events(file: &Path) -> Vec<Value> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn the_examples_are_read() {
    let Some(folder) = examples("deepgram") else { return };
    let read = |name: &str| serde_json::from_slice::<Value>(&fs::read(folder.join(name)).unwrap()).unwrap();
    let double = double().await;
    double.always(RECORDED, Reply::json(200, read("listen_prerecorded.json")));
    assert_eq!(transcribe(&stt(&double), None).await.unwrap(), [Transcript::last("Hello world.")]);

    let mut early = events(&folder.join("ws_listen_v1.jsonl"));
    let end = early.pop().unwrap();
    double.always(LIVE, Reply::socket(early).answering("CloseStream", [end]));
    let heard = listen(&stt(&double), None).await.unwrap();
    assert_eq!(
        texts(&heard),
        ["hello", "hello world", "hello world how are", "hello world how are you", "hello world how are you"]
    );

    let mut early = events(&folder.join("ws_flux_v2.jsonl"));
    let failure = early.pop().unwrap();
    let flux = stt(&double).live_model("flux-general-en");
    double.always(FLUX, Reply::socket(early.clone()).answering("CloseStream", []).closing(1000, ""));
    assert_eq!(listen(&flux, None).await.unwrap().last(), Some(&Transcript::last("Book a table for two")));
    double.always(FLUX, Reply::socket(early).answering("CloseStream", [failure]));
    assert_eq!(listen(&flux, None).await.unwrap_err().kind(), ErrorKind::ProviderFailed);

    for (name, kind) in [
        ("400_new_shape", ErrorKind::RejectedByProvider),
        ("401", ErrorKind::InvalidProviderKey),
        ("429", ErrorKind::RateLimited),
    ] {
        let example = read(&format!("errors/{name}.json"));
        let status = u16::try_from(example["status"].as_u64().unwrap()).unwrap();
        double.always(RECORDED, Reply::json(status, example["body"].clone()).header("dg-request-id", "r1"));
        let error = transcribe(&stt(&double), None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
        let words = example["body"].get("message").or(example["body"].get("err_msg")).unwrap().as_str().unwrap();
        assert!(error.message().contains(words), "{name}: {error}");
    }
}
