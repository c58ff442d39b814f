//! Access tokens.

use voice_core::{
    ErrorCode, Secret, UserId,
    agent::{Principal, TokenKey, TokenKeys},
};

use super::*;

/// Made for this test, and used nowhere else.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIPsbe1xMJ+frolXQm/0+n+4e4S+Dx30i7ME0Yq21m+iH
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAETCHFjhM7CNryOglv+8gBOiP0Y5HiKH0aiJCvuCPYOQ=
-----END PUBLIC KEY-----
";

const HOUR: Duration = Duration::from_secs(3600);

fn shared(id: &str) -> TokenKey {
    TokenKey::hs256(id, &Secret::new(format!("{id}-{}", "s".repeat(32)))).unwrap()
}

struct World {
    agent: VoiceAgent,
    clock: VirtualClock,
    user: Principal,
    organization: Principal,
}

async fn world() -> World {
    let clock = VirtualClock::new();
    let agent = VoiceAgent::builder()
        .stt(ScriptedStt::hearing("hi"))
        .llm(ScriptedLlm::saying(ANSWER))
        .tts(ScriptedTts::new())
        .stores(memory())
        .clock(Arc::new(clock))
        .build()
        .await
        .unwrap();
    let organization = organization(&agent).await;
    let user = agent.accounts().of(organization).register("ada@example.org").await.unwrap().user.id;
    let (user, organization) = (Principal::user_of(organization, user), Principal::organization_itself(organization));
    World { agent, clock, user, organization }
}

#[tokio::test(start_paused = true)]
async fn a_token_names_whom_it_was_issued_for_until_it_runs_out() {
    let World { agent, clock, user, organization } = world().await;
    let both = TokenKeys::new(TokenKey::ed25519("e", &Secret::new(PRIVATE)).unwrap())
        .and(TokenKey::ed25519_public("e", PUBLIC).unwrap());
    for keys in [TokenKeys::new(shared("h")), both.audience("shop").issuer("me")] {
        for principal in [user, organization] {
            let token = agent.accounts().issue_token(&keys, &principal, HOUR).unwrap();
            assert_eq!(agent.accounts().authenticate_token(&keys, token.expose()).await.unwrap(), principal);
        }
        let token = agent.accounts().issue_token(&keys, &user, HOUR).unwrap();
        clock.advance(HOUR + Duration::from_secs(29)).await;
        assert!(agent.accounts().authenticate_token(&keys, token.expose()).await.is_ok(), "within the leeway");
        clock.advance(Duration::from_secs(1)).await;
        assert!(agent.accounts().authenticate_token(&keys, token.expose()).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_changed_without_logging_anybody_out() {
    let World { agent, user, .. } = world().await;
    let old = agent.accounts().issue_token(&TokenKeys::new(shared("old")), &user, HOUR).unwrap();
    let keys = TokenKeys::new(shared("new")).and(shared("old"));
    let new = agent.accounts().issue_token(&keys, &user, HOUR).unwrap();
    for token in [&old, &new] {
        assert!(agent.accounts().authenticate_token(&keys, token.expose()).await.is_ok());
    }
    let later = TokenKeys::new(shared("new"));
    assert!(agent.accounts().authenticate_token(&later, old.expose()).await.is_err());
    assert!(agent.accounts().authenticate_token(&later, new.expose()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn every_token_that_opens_nothing_is_answered_alike() {
    let World { agent, clock, user, .. } = world().await;
    let keys = TokenKeys::new(shared("h")).audience("shop");
    let issue = |keys: &TokenKeys, principal: &Principal| {
        agent.accounts().issue_token(keys, principal, HOUR).unwrap().expose().to_owned()
    };
    let good = issue(&keys, &user);
    let (head, rest) = good.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none"} and {"alg":"HS256","kid":"h"} under another signature.
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiaCJ9.{claims}.");
    let stranger = Principal::user_of(user.organization(), UserId::new());
    let mut forged: Vec<String> = vec![
        String::new(),
        "a.b.c".into(),
        none,
        format!("{head}.{claims}.{}", "A".repeat(signature.len())),
        format!("{head}.{}.{signature}", claims.replacen('J', "K", 1)),
        issue(&TokenKeys::new(shared("other")).audience("shop"), &user),
        issue(&TokenKeys::new(shared("h")).audience("elsewhere"), &user),
        issue(&TokenKeys::new(shared("h")), &user),
        issue(&TokenKeys::new(shared("h")).audience("shop").issuer("eve"), &user),
        issue(&keys, &stranger),
    ];
    // A public key taken for a shared secret.
    let confused = TokenKeys::new(TokenKey::hs256("e", &Secret::new(PUBLIC)).unwrap());
    let public = TokenKeys::new(TokenKey::ed25519_public("e", PUBLIC).unwrap());
    let token = issue(&confused, &user);
    let mut answers = vec![format!("{:?}", agent.accounts().authenticate_token(&public, &token).await.unwrap_err())];
    clock.advance(Duration::from_secs(5)).await;
    forged.push("x".repeat(100_000));
    for token in forged {
        let error = agent.accounts().authenticate_token(&keys, &token).await.unwrap_err();
        assert_eq!((error.code(), error.kind()), (ErrorCode::Unauthorized, ErrorKind::InvalidToken));
        answers.push(format!("{error:?}"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn bad_token_keys_are_refused_without_being_shown() {
    let short = TokenKey::hs256("a", &Secret::new("planted")).unwrap_err();
    let no_key = TokenKey::ed25519("a", &Secret::new("planted")).unwrap_err();
    let no_public = TokenKey::ed25519_public("a", "planted").unwrap_err();
    for error in [short, no_key, no_public] {
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(!format!("{error:?}").contains("planted"));
    }
    let keys = TokenKeys::new(TokenKey::ed25519_public("e", PUBLIC).unwrap());
    let agent = agent().await;
    let nobody = Principal::organization_itself(OrganizationId::new());
    assert_eq!(agent.accounts().issue_token(&keys, &nobody, HOUR).unwrap_err().kind(), ErrorKind::InvalidConfig);
    assert!(!format!("{:?}", TokenKeys::new(shared("h"))).contains("sss"));
}
