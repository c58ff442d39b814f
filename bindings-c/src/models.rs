//! The files of the local models.

use std::{
    ffi::{c_char, c_void},
    path::PathBuf,
};

use voice_bridge::{Call, Outcome, models};

use crate::{
    error::{ErrorOut, give_blocking, vc_status},
    memory::{UserData, bytes, c_text, object, optional_text, vc_bytes},
};

/// Takes the steps of a fetch, objects of JSON whose `type` is `planned` (`packages`, `bytes`, `files`), `downloading` (`package`,
/// `done`, `total`), `making` (`file`) or `made` (`file`, `bytes`); the text lasts for the call. Gives whether to go on. Called on a
/// thread of the library, one call after the other; it must not throw.
pub type vc_fetch_fn = Option<extern "C" fn(user_data: *mut c_void, step_json: *const c_char) -> bool>;

/// Waits for an answer of JSON about the model folder.
fn answered(
    folder: *const c_char,
    result: *mut *mut vc_bytes,
    error: ErrorOut,
    begin: impl FnOnce(Option<PathBuf>) -> Outcome<Call<String>>,
) -> vc_status {
    give_blocking(("result", result), error, || {
        let call = begin(optional_text("folder", folder)?.map(Into::into))?;
        Ok(bytes(call.wait()?.into_bytes()))
    })
}

/// Fetches models, checks and converts them; what is there already is left alone.
///
/// `folder`: the model folder; NULL: the one that `VOICE_CORE_MODELS` names, else the one in the user's data folder.
/// `options_json`: `{"models": [names], "mirror": folder, "force": bool, "keep_packages": bool}`; NULL: the default set.
/// `progress` (may be NULL) is told what goes on and may stop it: then the call ends with `VC_CANCELLED`, and what is in place stays.
/// `*result`: `{"folder", "files", "already_there", "downloaded"}`, the caller's to free; `result` may not be NULL. Blocks; not on a
/// thread of the library.
#[unsafe(no_mangle)]
pub extern "C" fn vc_models_fetch(
    folder: *const c_char,
    options_json: *const c_char,
    progress: vc_fetch_fn,
    user_data: *mut c_void,
    result: *mut *mut vc_bytes,
    error: ErrorOut,
) -> vc_status {
    answered(folder, result, error, |folder| {
        let options = object("options_json", options_json)?;
        let user_data = UserData::new(user_data, None);
        let step = move |step: String| {
            let user_data = &user_data;
            progress.is_none_or(|progress| progress(user_data.pointer, c_text(&step).as_ptr()))
        };
        Ok(models::fetch(folder, &options, step))
    })
}

/// Lists the models: `*result` is `{"folder", "models": [{"name", "present", "bytes", "default", "licence", "purpose"}]}`. Otherwise
/// like `vc_models_fetch`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_models_list(folder: *const c_char, result: *mut *mut vc_bytes, error: ErrorOut) -> vc_status {
    answered(folder, result, error, |folder| Ok(models::list(folder)))
}

/// Compares every fetched file with its checksum: `*result` is `{"folder", "files": [{"path", "state"}]}`, a state being `intact`,
/// `missing` or `changed`. Otherwise like `vc_models_fetch`.
#[unsafe(no_mangle)]
pub extern "C" fn vc_models_verify(folder: *const c_char, result: *mut *mut vc_bytes, error: ErrorOut) -> vc_status {
    answered(folder, result, error, |folder| Ok(models::verify(folder)))
}
