//! Records behind handles, and the texts and the sound of theirs that C reads.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::{CString, c_char},
    sync::{Mutex, PoisonError},
};

use voice_bridge::host::Pcm;

use crate::{
    error::of,
    handle::{self, Handle},
    memory::{c_text, put},
};

/// A record with the texts that C has read of it, by their names: each is made once, and belongs to the handle.
pub(crate) struct Shown<R> {
    pub(crate) record: R,
    texts: Mutex<BTreeMap<&'static str, CString>>,
}

/// Gives a record a handle.
pub(crate) fn shown<H: Handle<Object = Shown<R>>, R>(record: R) -> *mut H {
    handle::open(Shown { record, texts: Mutex::default() })
}

/// The same for a record that may be missing: then it is NULL.
pub(crate) fn shown_if<H: Handle<Object = Shown<R>>, R>(record: Option<R>) -> *mut H {
    record.map_or(std::ptr::null_mut(), shown)
}

/// A text of a record; empty for a handle that is none.
pub(crate) fn text_of<H: Handle<Object = Shown<R>>, R>(
    handle: *const H,
    name: &'static str,
    read: impl FnOnce(&R) -> Cow<'_, str>,
) -> *const c_char {
    let text = text_if_of(handle, name, |record| Some(read(record)));
    if text.is_null() { c"".as_ptr() } else { text }
}

/// A text that a record may have; NULL when it has none, and for a handle that is none.
pub(crate) fn text_if_of<H: Handle<Object = Shown<R>>, R>(
    handle: *const H,
    name: &'static str,
    read: impl FnOnce(&R) -> Option<Cow<'_, str>>,
) -> *const c_char {
    of(handle, std::ptr::null(), |shown| {
        let mut texts = shown.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = texts.get(name) {
            return text.as_ptr();
        }
        read(&shown.record).map_or(std::ptr::null(), |text| texts.entry(name).or_insert(c_text(&text)).as_ptr())
    })
}

/// The samples of a record's sound, which belong to it, with how many and how fast they are; NULL and 0 when there are none.
pub(crate) fn sound_of<H: Handle<Object = Shown<R>>, R>(
    handle: *const H,
    count: *mut usize,
    sample_rate: *mut u32,
    read: impl FnOnce(&R) -> Option<&Pcm>,
) -> *const i16 {
    put(count, 0);
    put(sample_rate, 0);
    of(handle, std::ptr::null(), |shown| {
        let Some(pcm) = read(&shown.record) else { return std::ptr::null() };
        put(count, pcm.samples().len());
        put(sample_rate, pcm.sample_rate());
        if pcm.samples().is_empty() { std::ptr::null() } else { pcm.samples().as_ptr() }
    })
}
