//! Words and names to listen for.

use std::fmt;

use super::Private;

/// Terms that somebody gave, none of them blank. `Debug` says only how many there are.
#[derive(Clone, Default)]
pub(crate) struct Terms(Vec<String>);

impl Terms {
    pub(crate) fn of<T: Into<String>>(terms: impl IntoIterator<Item = T>) -> Self {
        Self(terms.into_iter().map(Into::into).filter(|term: &String| !term.trim().is_empty()).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What errors may not repeat.
    pub(crate) fn private(&self) -> Private {
        self.iter().map(Into::into).collect()
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terms({})", self.0.len())
    }
}
