//! Text and buffers that cross the border: the only place that follows a caller's pointers.

use std::ffi::{CStr, CString, c_char, c_void};

use voice_bridge::{ErrorRecord, Outcome};

use crate::{
    error::{free, of},
    handle::{self, Handle, handles},
};

/// Bytes or a text that the library hands over. The caller frees it with `vc_bytes_free`.
pub struct vc_bytes(());

handles!(vc_bytes => Vec<u8>);

/// Wraps bytes; a NUL behind them makes every text a C string.
pub(crate) fn bytes(mut data: Vec<u8>) -> *mut vc_bytes {
    data.push(0);
    handle::open(data)
}

/// The bytes, with a NUL behind them that does not count: a text is a C string. Valid until the handle is freed; NULL for a
/// handle that is none. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_bytes_data(bytes: *const vc_bytes) -> *const c_char {
    of(bytes, std::ptr::null(), |b| b.as_ptr().cast())
}

/// How many bytes there are, without the NUL behind them. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_bytes_length(bytes: *const vc_bytes) -> usize {
    of(bytes, 0, |b| b.len().saturating_sub(1))
}

/// Frees bytes. NULL and a second time are fine. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn vc_bytes_free(bytes: *mut vc_bytes) {
    free(bytes);
}

/// A text for C; a NUL inside, which C would take for the end, is left out.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text).unwrap_or_else(|_| CString::new(text.replace('\0', "")).unwrap_or_default())
}

/// A text that may be missing, as C takes it.
pub(crate) fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

/// A text that must be there.
pub(crate) fn text(name: &str, pointer: *const c_char) -> Outcome<String> {
    optional_text(name, pointer)?.ok_or_else(|| ErrorRecord::invalid(format!("{name}: expected a text, got NULL")))
}

/// A text that may be NULL.
pub(crate) fn optional_text(name: &str, pointer: *const c_char) -> Outcome<Option<String>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: every text argument is documented as NULL or a NUL-terminated string that stays as it is during the call.
    let text = unsafe { CStr::from_ptr(pointer) };
    Ok(Some(utf8(name, text.to_bytes().to_vec())?))
}

/// Bytes as a text.
pub(crate) fn utf8(name: &str, bytes: Vec<u8>) -> Outcome<String> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        ErrorRecord::invalid(format!("{name}: expected UTF-8; the byte at {at} is not"))
    })
}

/// A copy of `length` values.
pub(crate) fn copied<T: Copy>(name: &str, pointer: *const T, length: usize) -> Outcome<Vec<T>> {
    if length == 0 {
        return Ok(Vec::new());
    }
    if pointer.is_null() || !pointer.is_aligned() || length > isize::MAX as usize / size_of::<T>() {
        return Err(ErrorRecord::invalid(format!("{name}: expected an aligned address of {length} values")));
    }
    // SAFETY: not NULL, aligned, and within the bounds of an object; documented as `length` values that stay as they are during
    // the call.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) }.to_vec())
}

/// The caller's room for values, at least one.
pub(crate) fn room<'a, T: Copy>(name: &str, pointer: *mut T, capacity: usize) -> Outcome<&'a mut [T]> {
    if pointer.is_null() || !pointer.is_aligned() || capacity == 0 || capacity > isize::MAX as usize / size_of::<T>() {
        return Err(ErrorRecord::invalid(format!("{name}: expected an aligned address with room for values")));
    }
    // SAFETY: not NULL, aligned, and within the bounds of an object; documented as room for as many values that nobody else uses
    // during the call.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, capacity) })
}

/// A text of JSON that may be NULL: then it is an empty object.
pub(crate) fn object(name: &str, pointer: *const c_char) -> Outcome<String> {
    Ok(optional_text(name, pointer)?.unwrap_or_else(|| "{}".to_owned()))
}

/// What a struct argument holds; zeros for NULL.
pub(crate) fn given<T: Copy + Default>(pointer: *const T) -> T {
    if pointer.is_null() {
        return T::default();
    }
    // SAFETY: not NULL; documented as a complete struct that stays as it is during the call.
    unsafe { pointer.read() }
}

/// Writes a result; NULL: the caller does not want it.
pub(crate) fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: not NULL; documented as a place for one value.
        unsafe { out.write(value) }
    }
}

/// A place for a result that the caller must take, emptied first so that it never holds an old one.
pub(crate) fn cleared<T>(name: &str, out: *mut *mut T) -> Outcome<*mut *mut T> {
    if out.is_null() {
        return Err(ErrorRecord::invalid(format!("{name}: expected a place for the result, got NULL")));
    }
    put(out, std::ptr::null_mut());
    Ok(out)
}

/// Puts an object's handle in its place, then has it `begin`, which calls the host: the handle is there by then. NULL again when that fails.
pub(crate) fn put_before<H: Handle>(
    out: *mut *mut H,
    object: H::Object,
    begin: impl FnOnce() -> Outcome<()>,
) -> Outcome<()> {
    let opened = handle::open(object);
    put(out, opened);
    begin().inspect_err(|_| {
        put(out, std::ptr::null_mut());
        free(opened);
    })
}

/// A host's pointer, handed back to it as it came.
pub(crate) struct UserData {
    pub(crate) pointer: *mut c_void,
    drop: Option<extern "C" fn(user_data: *mut c_void)>,
}

// SAFETY: the library never follows the pointer; the header says that the host's functions are called on any thread.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) const fn new(pointer: *mut c_void, drop: Option<extern "C" fn(*mut c_void)>) -> Self {
        Self { pointer, drop }
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            drop(self.pointer);
        }
    }
}
