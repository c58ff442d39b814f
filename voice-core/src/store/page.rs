//! Lists in pages, and the cursors that lead from one page to the next.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};

/// Part of a longer list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more beyond this page.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// A page.
    #[must_use]
    pub fn new(items: Vec<T>, has_more: bool) -> Self {
        Self { items, has_more }
    }

    /// Cuts a list that was read one item longer than asked for.
    #[must_use]
    pub fn cut(mut items: Vec<T>, limit: usize) -> Self {
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }

    /// The same page of something else.
    ///
    /// # Errors
    /// The first error of `change`.
    pub fn try_map<U>(self, change: impl FnMut(T) -> Result<U>) -> Result<Page<U>> {
        let items = self.items.into_iter().map(change).collect::<Result<_>>()?;
        Ok(Page { items, has_more: self.has_more })
    }
}

impl<T: Listed> Page<T> {
    /// What leads to the next page; `None` on the last.
    #[must_use]
    pub fn next(&self) -> Option<Cursor> {
        let edge = if T::OLDEST_FIRST { self.items.first() } else { self.items.last() };
        edge.filter(|_| self.has_more).map(|item| Cursor { list: T::LIST, at: item.place() })
    }
}

/// Which part of a list to read: newest first, every id before the one that ended the page before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageQuery<I> {
    /// At most this many (1–100, default 20).
    pub limit: usize,
    /// Only what is older than this one: the last of the page before.
    pub before: Option<I>,
}

impl<I> Default for PageQuery<I> {
    fn default() -> Self {
        Self { limit: 20, before: None }
    }
}

impl<I> PageQuery<I> {
    /// The newest `limit` items.
    #[must_use]
    pub fn newest(limit: usize) -> Self {
        Self { limit, before: None }
    }
}

/// Something that stands in a list.
pub trait Listed {
    /// The name of the list, so that a cursor of one list is not taken for one of another.
    const LIST: &'static str;
    /// Whether a page begins with its oldest item, as messages do.
    const OLDEST_FIRST: bool = false;

    /// Its place in the list.
    fn place(&self) -> Uuid;
}

/// A place in a list, as an opaque string for the host's own callers.
///
/// It holds an id and a checksum bound to its list: one that was changed, or that belongs to another list, is refused. It
/// grants nothing: what a page shows depends on who asks, not on the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    list: &'static str,
    at: Uuid,
}

/// The bytes of the checksum.
const CHECK: usize = 8;

fn check(list: &str, at: Uuid) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(b"voice-core cursor\0").chain_update(list).chain_update(at.as_bytes());
    let mut check = [0; CHECK];
    check.copy_from_slice(&digest.finalize()[..CHECK]);
    check
}

impl Cursor {
    /// The cursor at an item.
    #[must_use]
    pub fn at<T: Listed>(item: &T) -> Self {
        Self { list: T::LIST, at: item.place() }
    }

    /// Reads a cursor of the list of `T`, and gives the id of the item it stands at.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` naming the field `cursor` when it is malformed, was changed, or belongs to another list.
    pub fn parse<T: Listed>(text: &str) -> Result<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let parts = bytes.as_deref().and_then(|bytes| bytes.split_at_checked(16));
        let found = parts.and_then(|(id, sum)| Some((Uuid::from_slice(id).ok()?, sum)));
        match found {
            Some((id, sum)) if sum == check(T::LIST, id) => Ok(id),
            _ => Err(Error::new(
                ErrorKind::InvalidField,
                format!(
                    "cursor: not a cursor of the list of {}; hand back what the page before gave, unchanged",
                    T::LIST
                ),
            )),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.at.as_bytes()[..], &check(self.list, self.at)].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! listed {
    ($($item:ty, $query:ty, $id:ty, $list:literal $(, $oldest_first:literal)?;)*) => {$(
        impl $crate::store::Listed for $item {
            const LIST: &'static str = $list;
            $(const OLDEST_FIRST: bool = $oldest_first;)?

            fn place(&self) -> uuid::Uuid {
                self.id.as_uuid()
            }
        }

        impl $query {
            /// Goes on where the page ended that gave this cursor (see [`Page::next`](crate::store::Page::next)).
            ///
            /// # Errors
            /// `VALIDATION_ERROR` when it is not a cursor of this list.
            pub fn after(mut self, cursor: &str) -> $crate::error::Result<Self> {
                self.before = Some(<$id>::from_uuid($crate::store::Cursor::parse::<$item>(cursor)?));
                Ok(self)
            }
        }
    )*};
}
pub(super) use listed;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::SessionId,
        store::{AssistantQuery, Session, SessionQuery, UserQuery},
        time::Timestamp,
    };

    fn session() -> Session {
        Session::new(SessionId::new(), None, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_cursor_leads_to_where_the_page_ended() {
        let page = Page::new(vec![session(), session()], true);
        let cursor = page.next().unwrap().to_string();
        assert_eq!(SessionQuery::default().after(&cursor).unwrap().before, Some(page.items[1].id));
        assert!(Page::new(vec![session()], false).next().is_none());
    }

    #[test]
    fn a_changed_or_foreign_cursor_is_refused_by_name() {
        let cursor = Cursor::at(&session()).to_string();
        let mut changed = cursor.clone().into_bytes();
        for at in 0..changed.len() {
            let before = changed[at];
            changed[at] = if before == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(changed.clone()).unwrap();
            let found = SessionQuery::default().after(&text);
            assert!(found.is_err_and(|e| e.kind() == ErrorKind::InvalidField && e.message().starts_with("cursor")));
            changed[at] = before;
        }
        for text in ["", "=", "ü", &cursor[..10], &SessionId::new().to_string()] {
            assert!(SessionQuery::default().after(text).is_err(), "{text:?}");
        }
        assert!(AssistantQuery::default().after(&cursor).is_err());
        assert!(UserQuery::default().after(&cursor).is_err());
    }
}
