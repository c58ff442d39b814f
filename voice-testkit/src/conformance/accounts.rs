//! The cases of an account store.

use std::sync::Arc;

use futures_util::future::join_all;
use voice_core::{
    ApiKeyId, OrganizationId, UserId,
    store::{
        AccountStore, ApiKey, Credential, KeyHash, KeyQuery, KeyRateLimit, NewRecord, Organization, OrganizationQuery,
        Page, User, UserQuery,
    },
};

use super::{Case, Outcome, cases, steps::*, told};

type Accounts = Arc<dyn AccountStore>;

/// What every [`AccountStore`] must do.
pub const ACCOUNTS: &[Case<dyn AccountStore>] = cases![
    an_organization_comes_back_as_it_was_created,
    organizations_are_listed_newest_first_in_pages,
    a_user_comes_back_as_they_registered,
    an_address_is_registered_once_in_an_organization,
    concurrent_registrations_of_an_address_make_one_user,
    a_user_and_their_first_key_are_made_together_or_not_at_all,
    a_user_is_not_reached_from_another_organization,
    users_are_listed_by_organization_in_pages,
    a_key_comes_back_as_it_was_made,
    a_key_needs_its_organization_and_user,
    a_key_is_not_reached_from_another_organization,
    keys_are_listed_by_organization_and_user,
    a_key_is_revoked_once,
    rotating_makes_the_new_key_and_revokes_the_old_or_neither,
    concurrent_rotations_of_a_key_make_one,
    a_credential_is_replaced_and_stays_in_its_organization,
    deleting_a_user_deletes_their_keys,
    deleting_an_organization_deletes_what_belongs_to_it,
];

fn hash() -> KeyHash {
    let mut bytes = [0; 32];
    rand::Rng::fill(&mut rand::rng(), &mut bytes);
    KeyHash(bytes)
}

fn user(organization: OrganizationId, email: &str) -> User {
    User::new(UserId::new(), organization, email, at(1))
}

fn key(organization: OrganizationId, user: Option<UserId>) -> ApiKey {
    ApiKey::new(ApiKeyId::new(), organization, user, hash(), at(2))
}

async fn organization(store: &Accounts) -> Result<OrganizationId, String> {
    let organization = Organization::new(OrganizationId::new(), "Bakery", at(0));
    store.create_organization(&organization).await.map_err(|e| told(&e))?;
    Ok(organization.id)
}

async fn register(store: &Accounts, user: &User) -> Result<NewRecord, String> {
    store.create_user(user, None).await.map_err(|e| told(&e))
}

async fn keep(store: &Accounts, key: &ApiKey) -> Result<NewRecord, String> {
    store.create_key(key).await.map_err(|e| told(&e))
}

async fn key_there(store: &Accounts, key: &ApiKey) -> Result<Option<ApiKey>, String> {
    let by_id = store.key(key.organization, key.id).await.map_err(|e| told(&e))?;
    let by_hash = store.key_by_hash(&key.hash).await.map_err(|e| told(&e))?;
    same("the key by id and by hash", &by_id, &by_hash)?;
    Ok(by_id)
}

fn ids<T, I>(page: &Page<T>, id: impl Fn(&T) -> I) -> (Vec<I>, bool) {
    (page.items.iter().map(id).collect(), page.has_more)
}

async fn an_organization_comes_back_as_it_was_created(store: Accounts) -> Outcome {
    let organization = Organization::new(OrganizationId::new(), "Bäckerei ☕", at(0));
    store.create_organization(&organization).await.map_err(|e| told(&e))?;
    let other = Organization::new(organization.id, "Other", at(9));
    store.create_organization(&other).await.map_err(|e| told(&e))?;
    let there = store.organization(organization.id).await.map_err(|e| told(&e))?;
    same("the organization", there, Some(organization))?;
    same("an unknown one", store.organization(OrganizationId::new()).await.map_err(|e| told(&e))?, None)
}

async fn organizations_are_listed_newest_first_in_pages(store: Accounts) -> Outcome {
    let mut all = Vec::new();
    for _ in 0..3 {
        all.insert(0, organization(&store).await?);
    }
    let mut query = OrganizationQuery::newest(2);
    let page = store.list_organizations(&query).await.map_err(|e| told(&e))?;
    same("the first page", ids(&page, |o| o.id), (all[..2].to_vec(), true))?;
    query.before = Some(all[1]);
    let page = store.list_organizations(&query).await.map_err(|e| told(&e))?;
    same("the last page", ids(&page, |o| o.id), (all[2..].to_vec(), false))
}

async fn a_user_comes_back_as_they_registered(store: Accounts) -> Outcome {
    let ada = user(organization(&store).await?, "ada@example.org");
    same("registered", register(&store, &ada).await?, NewRecord::Made)?;
    let by_id = store.user(ada.organization, ada.id).await.map_err(|e| told(&e))?;
    holds("the user by id is the same", by_id.as_ref() == Some(&ada))?;
    let by_email = store.user_by_email(ada.organization, &ada.email).await.map_err(|e| told(&e))?;
    holds("the user by address is the same", by_email == by_id)?;
    let stray = user(OrganizationId::new(), "eve@example.org");
    same("in an unknown organization", register(&store, &stray).await?, NewRecord::NoOwner)
}

async fn an_address_is_registered_once_in_an_organization(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let first = user(one, "ada@example.org");
    same("at first", register(&store, &first).await?, NewRecord::Made)?;
    same("again", register(&store, &user(one, "ada@example.org")).await?, NewRecord::Taken)?;
    same("in another organization", register(&store, &user(two, "ada@example.org")).await?, NewRecord::Made)?;
    let there = store.user_by_email(one, "ada@example.org").await.map_err(|e| told(&e))?;
    same("whose it is", there.map(|u| u.id), Some(first.id))?;
    store.delete_user(one, first.id).await.map_err(|e| told(&e))?;
    same("when it is free again", register(&store, &user(one, "ada@example.org")).await?, NewRecord::Made)
}

async fn concurrent_registrations_of_an_address_make_one_user(store: Accounts) -> Outcome {
    let organization = organization(&store).await?;
    let users: Vec<User> = (0..16).map(|_| user(organization, "ada@example.org")).collect();
    let outcomes = join_all(users.iter().map(|user| register(&store, user))).await;
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    same("made", outcomes.iter().filter(|o| **o == NewRecord::Made).count(), 1)?;
    same("taken", outcomes.iter().filter(|o| **o == NewRecord::Taken).count(), 15)?;
    let page = store.list_users(organization, &UserQuery::default()).await.map_err(|e| told(&e))?;
    same("users", page.items.len(), 1)
}

async fn a_user_and_their_first_key_are_made_together_or_not_at_all(store: Accounts) -> Outcome {
    let organization = organization(&store).await?;
    let ada = user(organization, "ada@example.org");
    let first = key(organization, Some(ada.id));
    same("both", store.create_user(&ada, Some(&first)).await.map_err(|e| told(&e))?, NewRecord::Made)?;
    same("the key", key_there(&store, &first).await?, Some(first.clone()))?;
    let again = user(organization, "ada@example.org");
    let second = key(organization, Some(again.id));
    same("a taken address", store.create_user(&again, Some(&second)).await.map_err(|e| told(&e))?, NewRecord::Taken)?;
    same("its key", key_there(&store, &second).await?, None)?;
    let bob = user(organization, "bob@example.org");
    let mut third = key(organization, Some(bob.id));
    third.hash = first.hash;
    same("a taken key", store.create_user(&bob, Some(&third)).await.map_err(|e| told(&e))?, NewRecord::Taken)?;
    same("its user", store.user(organization, bob.id).await.map_err(|e| told(&e))?.map(|u| u.id), None)
}

async fn a_user_is_not_reached_from_another_organization(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let ada = user(one, "ada@example.org");
    register(&store, &ada).await?;
    same("by id", store.user(two, ada.id).await.map_err(|e| told(&e))?.is_none(), true)?;
    same("by address", store.user_by_email(two, &ada.email).await.map_err(|e| told(&e))?.is_none(), true)?;
    same("deleting", store.delete_user(two, ada.id).await.map_err(|e| told(&e))?, false)?;
    same("still there", store.user(one, ada.id).await.map_err(|e| told(&e))?.is_some(), true)
}

async fn users_are_listed_by_organization_in_pages(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let mut all = Vec::new();
    for n in 0..3 {
        let user = user(one, &format!("{n}@example.org"));
        register(&store, &user).await?;
        all.insert(0, user.id);
    }
    register(&store, &user(two, "other@example.org")).await?;
    let mut query = UserQuery::newest(2);
    let page = store.list_users(one, &query).await.map_err(|e| told(&e))?;
    same("the first page", ids(&page, |u| u.id), (all[..2].to_vec(), true))?;
    query.before = Some(all[1]);
    let page = store.list_users(one, &query).await.map_err(|e| told(&e))?;
    same("the last page", ids(&page, |u| u.id), (all[2..].to_vec(), false))
}

async fn a_key_comes_back_as_it_was_made(store: Accounts) -> Outcome {
    let ada = user(organization(&store).await?, "ada@example.org");
    register(&store, &ada).await?;
    let plain = key(ada.organization, None);
    let mut full = key(ada.organization, Some(ada.id));
    (full.name, full.hint) = ("Telefon ☎".into(), "beef".into());
    full.expires_at = Some(at(500));
    let (per_minute, burst) = (std::num::NonZeroU32::MAX, std::num::NonZeroU32::MIN);
    full.rate_limit = Some(KeyRateLimit { per_minute, burst });
    for key in [plain, full] {
        same("made", keep(&store, &key).await?, NewRecord::Made)?;
        same("the key", key_there(&store, &key).await?, Some(key.clone()))?;
        same("made again", keep(&store, &key).await?, NewRecord::Taken)?;
    }
    same("an unknown one", store.key_by_hash(&hash()).await.map_err(|e| told(&e))?, None)
}

async fn a_key_needs_its_organization_and_user(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let ada = user(one, "ada@example.org");
    register(&store, &ada).await?;
    for stray in [key(OrganizationId::new(), None), key(one, Some(UserId::new())), key(two, Some(ada.id))] {
        same("made", keep(&store, &stray).await?, NewRecord::NoOwner)?;
        same("the key", key_there(&store, &stray).await?, None)?;
    }
    Ok(())
}

async fn a_key_is_not_reached_from_another_organization(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let theirs = key(one, None);
    keep(&store, &theirs).await?;
    same("by id", store.key(two, theirs.id).await.map_err(|e| told(&e))?, None)?;
    same("revoking", store.revoke_key(two, theirs.id, at(9)).await.map_err(|e| told(&e))?, false)?;
    let new = key(two, None);
    same("rotating", store.rotate_key(theirs.id, &new).await.map_err(|e| told(&e))?, NewRecord::NoOwner)?;
    same("the new key", key_there(&store, &new).await?, None)?;
    same("the key", key_there(&store, &theirs).await?, Some(theirs.clone()))
}

async fn keys_are_listed_by_organization_and_user(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let ada = user(one, "ada@example.org");
    register(&store, &ada).await?;
    let keys = [key(one, None), key(one, Some(ada.id)), key(one, Some(ada.id)), key(two, None)];
    for key in &keys {
        keep(&store, key).await?;
    }
    store.revoke_key(one, keys[1].id, at(9)).await.map_err(|e| told(&e))?;
    let mut query = KeyQuery::default();
    let page = store.list_keys(one, &query).await.map_err(|e| told(&e))?;
    same("of the organization", ids(&page, |k| k.id), (vec![keys[2].id, keys[1].id, keys[0].id], false))?;
    (query.user, query.limit) = (Some(ada.id), 1);
    let page = store.list_keys(one, &query).await.map_err(|e| told(&e))?;
    same("of the user", ids(&page, |k| k.id), (vec![keys[2].id], true))?;
    query.before = Some(keys[2].id);
    let page = store.list_keys(one, &query).await.map_err(|e| told(&e))?;
    same("the next of the user", ids(&page, |k| k.id), (vec![keys[1].id], false))?;
    let page = store.list_keys(two, &query).await.map_err(|e| told(&e))?;
    same("of the user, elsewhere", ids(&page, |k| k.id), (vec![], false))
}

async fn a_key_is_revoked_once(store: Accounts) -> Outcome {
    let key = key(organization(&store).await?, None);
    keep(&store, &key).await?;
    let revoke = async |at| store.revoke_key(key.organization, key.id, at).await.map_err(|e| told(&e));
    same("at first", revoke(at(7)).await?, true)?;
    same("again", revoke(at(8)).await?, false)?;
    let there = key_there(&store, &key).await?;
    same("when", there.and_then(|k| k.revoked_at), Some(at(7)))?;
    let unknown = store.revoke_key(key.organization, ApiKeyId::new(), at(9)).await.map_err(|e| told(&e))?;
    same("an unknown key", unknown, false)
}

async fn rotating_makes_the_new_key_and_revokes_the_old_or_neither(store: Accounts) -> Outcome {
    let organization = organization(&store).await?;
    let (old, other) = (key(organization, None), key(organization, None));
    keep(&store, &old).await?;
    keep(&store, &other).await?;
    let rotate = async |new: &ApiKey| store.rotate_key(old.id, new).await.map_err(|e| told(&e));
    let mut clash = key(organization, None);
    clash.hash = other.hash;
    same("with a taken hash", rotate(&clash).await?, NewRecord::Taken)?;
    same("the old key", key_there(&store, &old).await?, Some(old.clone()))?;
    let mut new = key(organization, None);
    new.created_at = at(30);
    same("with a good one", rotate(&new).await?, NewRecord::Made)?;
    same("the new key", key_there(&store, &new).await?, Some(new.clone()))?;
    let revoked = key_there(&store, &old).await?.and_then(|k| k.revoked_at);
    same("when the old one ended", revoked, Some(at(30)))?;
    let third = key(organization, None);
    same("a key that is revoked", rotate(&third).await?, NewRecord::NoOwner)?;
    same("its new key", key_there(&store, &third).await?, None)
}

async fn concurrent_rotations_of_a_key_make_one(store: Accounts) -> Outcome {
    let old = key(organization(&store).await?, None);
    keep(&store, &old).await?;
    let new: Vec<ApiKey> = (0..8).map(|_| key(old.organization, None)).collect();
    let outcomes = join_all(new.iter().map(|new| store.rotate_key(old.id, new))).await;
    let made = outcomes.into_iter().filter(|o| matches!(o, Ok(NewRecord::Made))).count();
    same("made", made, 1)?;
    let page = store.list_keys(old.organization, &KeyQuery::default()).await.map_err(|e| told(&e))?;
    same("valid keys", page.items.iter().filter(|k| k.is_valid_at(at(50))).count(), 1)
}

async fn a_credential_is_replaced_and_stays_in_its_organization(store: Accounts) -> Outcome {
    let (one, two) = (organization(&store).await?, organization(&store).await?);
    let set = async |organization, provider, bytes: &[u8], when| {
        let credential = Credential::new(organization, provider, bytes.to_vec(), at(when));
        store.set_credential(&credential).await.map_err(|e| told(&e))
    };
    let there = async |organization| {
        let all = store.credentials(organization).await.map_err(|e| told(&e))?;
        let told = all.into_iter().map(|c| (c.provider, c.sealed, c.updated_at));
        Ok::<_, String>(told.collect::<Vec<_>>())
    };
    same("set", set(one, "openai", &[0, 255, 1], 1).await?, true)?;
    same("replaced", set(one, "openai", &[2; 100], 2).await?, true)?;
    same("another", set(one, "deepgram", &[3], 3).await?, true)?;
    same("of an unknown organization", set(OrganizationId::new(), "openai", &[4], 4).await?, false)?;
    let expected = vec![("deepgram".to_owned(), vec![3], at(3)), ("openai".to_owned(), vec![2; 100], at(2))];
    same("the credentials", there(one).await?, expected)?;
    same("elsewhere", there(two).await?, vec![])?;
    let delete =
        async |organization, provider| store.delete_credential(organization, provider).await.map_err(|e| told(&e));
    same("deleting from elsewhere", delete(two, "openai").await?, false)?;
    same("deleting", delete(one, "openai").await?, true)?;
    same("deleting again", delete(one, "openai").await?, false)?;
    same("what is left", there(one).await?.len(), 1)
}

async fn deleting_a_user_deletes_their_keys(store: Accounts) -> Outcome {
    let organization = organization(&store).await?;
    let (ada, bob) = (user(organization, "ada@example.org"), user(organization, "bob@example.org"));
    let mut keys = Vec::new();
    for owner in [&ada, &bob] {
        register(&store, owner).await?;
        keys.push(key(organization, Some(owner.id)));
    }
    keys.push(key(organization, None));
    for key in &keys {
        keep(&store, key).await?;
    }
    same("deleted", store.delete_user(organization, ada.id).await.map_err(|e| told(&e))?, true)?;
    same("deleted again", store.delete_user(organization, ada.id).await.map_err(|e| told(&e))?, false)?;
    same("their key", key_there(&store, &keys[0]).await?, None)?;
    same("the other's key", key_there(&store, &keys[1]).await?.is_some(), true)?;
    same("the organization's key", key_there(&store, &keys[2]).await?.is_some(), true)
}

async fn deleting_an_organization_deletes_what_belongs_to_it(store: Accounts) -> Outcome {
    let (gone, kept) = (organization(&store).await?, organization(&store).await?);
    let mut keys = Vec::new();
    for organization in [gone, kept] {
        let ada = user(organization, "ada@example.org");
        let first = key(organization, Some(ada.id));
        store.create_user(&ada, Some(&first)).await.map_err(|e| told(&e))?;
        keys.push(first);
        let credential = Credential::new(organization, "openai", vec![1], at(1));
        store.set_credential(&credential).await.map_err(|e| told(&e))?;
    }
    same("deleted", store.delete_organization(gone).await.map_err(|e| told(&e))?, true)?;
    same("deleted again", store.delete_organization(gone).await.map_err(|e| told(&e))?, false)?;
    for (organization, key, there) in [(gone, &keys[0], false), (kept, &keys[1], true)] {
        let found = store.organization(organization).await.map_err(|e| told(&e))?;
        same("the organization", found.is_some(), there)?;
        same("its key", key_there(&store, key).await?.is_some(), there)?;
        let users = store.list_users(organization, &UserQuery::default()).await.map_err(|e| told(&e))?;
        same("its users", users.items.len(), usize::from(there))?;
        let credentials = store.credentials(organization).await.map_err(|e| told(&e))?;
        same("its credentials", credentials.len(), usize::from(there))?;
    }
    Ok(())
}
