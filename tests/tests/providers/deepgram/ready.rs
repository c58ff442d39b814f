//! Connections that wait for the next utterance of a session.

use super::*;

/// What a session says to its recogniser; it shares what is kept with all its clones.
fn session() -> ListenRequest {
    ListenRequest::new().with_language(Some("en".into()))
}

#[tokio::test]
async fn who_speaks_finds_a_connection_open_from_the_beginning_and_after_every_utterance() {
    let double = double().await;
    double.always(LIVE, utterance());
    is_ready_for_every_utterance(&double, &stt(&double), LIVE).await;
}

#[tokio::test]
async fn a_connection_that_waits_is_kept_alive_for_a_minute_and_then_opened_anew() {
    let double = double().await;
    double.always(LIVE, utterance());
    let (stt, session) = (stt(&double), session());
    stt.prepare_to_listen(&session);
    until(|| double.open_sockets() == 1).await;
    tokio::time::pause();
    for _ in 0..90 {
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    until(|| double.open_sockets() == 0).await;
    let RecordedBody::Frames(told) = double.requests().pop().unwrap().body else { panic!("frames are expected") };
    assert!((10..=15).contains(&told.len()) && told.iter().all(|frame| frame["type"] == "KeepAlive"), "{told:?}");
    utter(&stt, &session).await;
    assert!(double.count(LIVE) >= 2);
}

#[tokio::test]
async fn a_connection_that_the_server_gave_up_or_that_leads_elsewhere_is_not_used() {
    let double = double().await;
    double.nth(LIVE, 0, Reply::error(503, "busy", "later")).always(LIVE, utterance());
    let (first, session) = (stt(&double), session());
    first.prepare_to_listen(&session);
    until(|| double.count(LIVE) == 1).await;
    assert_eq!(utter(&first, &session).await, QUESTION);
    until(|| double.open_sockets() == 1).await;

    let before = double.count(LIVE);
    let other = DeepgramStt::new("another-key").base_url(double.origin());
    utter(&other, &session).await;
    let keys: Vec<_> = double.requests().into_iter().map(|r| r.authorization.unwrap().expose().to_owned()).collect();
    assert_eq!(keys[before], "Token another-key", "nobody speaks on the account of somebody else");
}

#[tokio::test]
async fn nothing_waits_for_flux_or_where_no_session_is() {
    let double = double().await;
    let flux = stt(&double).live_model("flux-general-en");
    let said = Reply::socket([]).answering("CloseStream", []).closing(1000, "");
    double.always(FLUX, said).always(LIVE, utterance());
    let session = session();
    flux.prepare_to_listen(&session);
    utter(&flux, &session).await;
    listen(&stt(&double), None).await.unwrap();
    until(|| double.open_sockets() == 0).await;
    assert_eq!((double.count(FLUX), double.count(LIVE)), (1, 1));
}
