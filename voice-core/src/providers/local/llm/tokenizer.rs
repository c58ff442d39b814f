//! Text to tokens and back, by the vocabulary inside a GGUF file.
//!
//! Text and control tokens never mix: [`Tokenizer::text`] cannot produce a control token whatever the text is, so what
//! a user says can never end a message or open another role. Control tokens come only from the chat template. Tokens that
//! a file calls user-defined (runs of white space, tags) are taken for control tokens there, but are text where a model
//! writes them.

use std::collections::HashMap;

use tokenizers::{
    DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl,
    models::bpe::BPE,
    pre_tokenizers::{
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
    tokenizer::SplitDelimiterBehavior,
};

use super::{
    calls,
    gguf::Metadata,
    spm::{SPACE, SentencePiece},
};
use crate::{
    error::{Error, ErrorKind, Result},
    provider::Thoughts,
};

/// A kind of token, as `tokenizer.ggml.token_type` numbers it.
mod kind {
    pub(super) const UNKNOWN: usize = 2;
    pub(super) const CONTROL: usize = 3;
    pub(super) const USER_DEFINED: usize = 4;
    pub(super) const UNUSED: usize = 5;
    pub(super) const BYTE: usize = 6;
}

/// Names under which models end a message; whichever of them a vocabulary has as control tokens stop an answer.
const STOPS: [&str; 10] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "</s>",
    "<eos>",
    "<|im_start|>",
];

/// The split that Llama 3 files name `llama-bpe`; `{digits}` is how many digits stay together.
const MODERN_SPLIT: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

type Bpe = TokenizerImpl<ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

enum Encoder {
    BytePair(Box<Bpe>),
    SentencePiece(Box<SentencePiece>),
}

/// A vocabulary.
pub(super) struct Tokenizer {
    encoder: Encoder,
    /// The bytes that each token stands for; none for those that are no text.
    bytes: Vec<Box<[u8]>>,
    /// Control tokens by their name, longest names first.
    controls: Vec<(Box<str>, u32)>,
    stops: Vec<u32>,
    begin: Option<u32>,
    end: Option<u32>,
    /// Whether every prompt starts with the begin token.
    add_begin: bool,
}

impl Tokenizer {
    /// Reads the vocabulary of a file.
    ///
    /// # Errors
    /// `InvalidConfig` for a kind of vocabulary that is not known, `ModelMissing` when it is incomplete.
    pub(super) fn read(metadata: &Metadata) -> Result<Self> {
        let tokens = metadata.texts("tokenizer.ggml.tokens").ok_or_else(|| incomplete("tokenizer.ggml.tokens"))?;
        let kinds = metadata.integers("tokenizer.ggml.token_type").unwrap_or_default();
        let kind_of = |id: usize| kinds.get(id).copied().unwrap_or(1);
        let is_control = |id: usize| matches!(kind_of(id), kind::CONTROL | kind::USER_DEFINED | kind::UNUSED);
        let plain = || {
            let numbered =
                tokens.iter().enumerate().filter(|(id, _)| !is_control(*id) && kind_of(*id) != kind::UNKNOWN);
            numbered.map(|(id, text)| (*text, id as u32))
        };
        let family = metadata.text("tokenizer.ggml.model").unwrap_or("unknown");
        let (encoder, mut bytes): (_, Vec<Box<[u8]>>) = match family {
            "gpt2" => {
                let merges =
                    metadata.texts("tokenizer.ggml.merges").ok_or_else(|| incomplete("tokenizer.ggml.merges"))?;
                let split = metadata.text("tokenizer.ggml.pre").unwrap_or("default");
                let alphabet = byte_alphabet();
                let spell = |token: &str| token.chars().flat_map(|c| spelled(&alphabet, c)).collect();
                (byte_pair(plain(), &merges, split)?, tokens.iter().map(|t| spell(t)).collect())
            }
            "llama" => {
                let scores =
                    metadata.numbers("tokenizer.ggml.scores").ok_or_else(|| incomplete("tokenizer.ggml.scores"))?;
                let mut of_byte = [None; 256];
                for (id, token) in tokens.iter().enumerate().filter(|(id, _)| kind_of(*id) == kind::BYTE) {
                    if let Some(byte) = byte_token(token) {
                        of_byte[usize::from(byte)] = Some(id as u32);
                    }
                }
                let scored = plain().map(|(text, id)| (text, id, scores.get(id as usize).copied().unwrap_or(0.0)));
                let unknown = metadata.integer("tokenizer.ggml.unknown_token_id").unwrap_or(0) as u32;
                let space_first = metadata.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
                let spell = |(id, token): (usize, &&str)| match byte_token(token).filter(|_| kind_of(id) == kind::BYTE)
                {
                    Some(byte) => Box::from([byte]),
                    None => literal(token),
                };
                let encoder =
                    Encoder::SentencePiece(Box::new(SentencePiece::new(scored, of_byte, unknown, space_first)));
                (encoder, tokens.iter().enumerate().map(spell).collect())
            }
            other => {
                let message =
                    format!("the model's vocabulary is of kind `{other}`; the kinds known are gpt2 and llama");
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
        };
        for (id, (text, bytes)) in tokens.iter().zip(&mut bytes).enumerate() {
            match kind_of(id) {
                kind::USER_DEFINED => *bytes = literal(text),
                kind::CONTROL if Thoughts::is_tag(text) || calls::is_tag(text) => *bytes = literal(text),
                kind::CONTROL | kind::UNUSED | kind::UNKNOWN => *bytes = Box::default(),
                _ => {}
            }
        }
        let mut controls: Vec<(Box<str>, u32)> = tokens
            .iter()
            .enumerate()
            .filter(|(id, text)| is_control(*id) && !text.is_empty())
            .map(|(id, text)| (Box::from(*text), id as u32))
            .collect();
        controls.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let id = |key: &str| metadata.integer(key).filter(|id| *id < tokens.len()).map(|id| id as u32);
        let named = controls.iter().filter(|(text, _)| STOPS.contains(&&**text)).map(|(_, id)| *id);
        let stops =
            ["eos", "eot", "eom"].iter().filter_map(|n| id(&format!("tokenizer.ggml.{n}_token_id"))).chain(named);
        Ok(Self {
            stops: stops.collect(),
            encoder,
            bytes,
            controls,
            begin: id("tokenizer.ggml.bos_token_id"),
            end: id("tokenizer.ggml.eos_token_id"),
            add_begin: metadata.flag("tokenizer.ggml.add_bos_token").unwrap_or(family == "llama"),
        })
    }

    /// The tokens of a text, none of which is a control token.
    ///
    /// # Errors
    /// `Internal` on a defect.
    pub(super) fn text(&self, text: &str) -> Result<Vec<u32>> {
        match &self.encoder {
            Encoder::SentencePiece(spm) => Ok(spm.encode(text)),
            Encoder::BytePair(bpe) => bpe
                .encode_fast(text, false)
                .map(|encoding| encoding.get_ids().to_vec())
                .map_err(|_| Error::internal("the tokenizer failed on a text")),
        }
    }

    /// The first control token in `text`: where it starts, how long its name is, and its id.
    pub(super) fn find_control(&self, text: &str) -> Option<(usize, usize, u32)> {
        text.char_indices().find_map(|(at, _)| {
            let rest = &text[at..];
            self.controls.iter().find(|(name, _)| rest.starts_with(&**name)).map(|(name, id)| (at, name.len(), *id))
        })
    }

    /// The control token of this name.
    pub(super) fn control(&self, name: &str) -> Option<u32> {
        self.controls.iter().find(|(text, _)| &**text == name).map(|(_, id)| *id)
    }

    /// The name of a control token.
    pub(super) fn control_name(&self, id: u32) -> Option<&str> {
        self.controls.iter().find(|(_, control)| *control == id).map(|(text, _)| &**text)
    }

    /// The bytes of a token as it is written in an answer; none for a control token, but the tags around thoughts and calls.
    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |b| b)
    }

    /// Whether a token ends the answer.
    pub(super) fn stops(&self, id: u32) -> bool {
        self.stops.contains(&id)
    }

    /// The token that ends a text.
    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }

    /// The token that starts a prompt, and whether it must even if the template does not write it.
    pub(super) fn begin(&self) -> (Option<u32>, bool) {
        (self.begin, self.add_begin)
    }
}

fn incomplete(key: &str) -> Error {
    Error::new(ErrorKind::ModelMissing, format!("the model file has no {key}, so its vocabulary cannot be used"))
}

/// The bytes of a token that is written as it is, except for spaces.
fn literal(token: &str) -> Box<[u8]> {
    token.replace(SPACE, " ").into_bytes().into_boxed_slice()
}

/// The byte of a token such as `<0x0A>`.
fn byte_token(token: &str) -> Option<u8> {
    u8::from_str_radix(token.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()
}

/// How GPT-2 vocabularies write bytes as characters: printable ones as themselves, the others from U+0100 on.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut next = 0x100;
    let written = |byte: u8| {
        if matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff) {
            return (char::from(byte), byte);
        }
        let c = char::from_u32(next).unwrap_or(char::REPLACEMENT_CHARACTER);
        next += 1;
        (c, byte)
    };
    (0..=u8::MAX).map(written).collect()
}

fn spelled(alphabet: &HashMap<char, u8>, c: char) -> Vec<u8> {
    alphabet.get(&c).map_or_else(|| c.to_string().into_bytes(), |byte| vec![*byte])
}

fn byte_pair<'a>(plain: impl Iterator<Item = (&'a str, u32)>, merges: &[&str], split: &str) -> Result<Encoder> {
    let unusable = |e: &dyn std::fmt::Display| {
        Error::new(ErrorKind::ModelMissing, format!("the model file's vocabulary cannot be used: {e}"))
    };
    let pairs = merges.iter().filter_map(|m| m.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
    let bpe = BPE::builder()
        .vocab_and_merges(
            plain.map(|(text, id)| (text.to_owned(), id)).collect::<tokenizers::models::bpe::Vocab>(),
            pairs,
        )
        .ignore_merges(keeps_whole_words(split))
        .build()
        .map_err(|e| unusable(&e))?;
    let mut tokenizer = Bpe::new(ModelWrapper::BPE(bpe));
    tokenizer.with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(Sequence::new(
        splits(split).map_err(|e| unusable(&e))?,
    ))));
    Ok(Encoder::BytePair(Box::new(tokenizer)))
}

/// Whether a word that is a token as a whole is taken as that, whatever its merges say (Llama 3).
fn keeps_whole_words(split: &str) -> bool {
    matches!(split, "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "tekken")
}

/// How text is cut into words, by the name in `tokenizer.ggml.pre`.
fn splits(name: &str) -> tokenizers::Result<Vec<PreTokenizerWrapper>> {
    let modern = |digits: &str| -> tokenizers::Result<Vec<PreTokenizerWrapper>> {
        let pattern = SplitPattern::Regex(MODERN_SPLIT.replace("{digits}", digits));
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?;
        Ok(vec![PreTokenizerWrapper::Split(split), PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, false))])
    };
    let gpt2 = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, true, true));
    match name {
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "smaug-bpe" | "dbrx" => modern("{1,3}"),
        "qwen2" | "qwen35" | "deepseek-r1-qwen" | "stablelm2" | "hunyuan" | "megrez" => modern(""),
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" => {
            Ok(vec![PreTokenizerWrapper::Digits(Digits::new(true)), gpt2])
        }
        "default" | "gpt-2" | "gpt2" | "phi-2" | "olmo" | "mpt" | "jais" => Ok(vec![gpt2]),
        other => {
            tracing::warn!(pre_tokenizer = other, "unknown way to cut text into words; using the one of Qwen");
            modern("")
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::Value;

    use super::*;

    /// A vocabulary of tokens with their kinds.
    fn vocabulary(family: &str, tokens: &[(&str, usize)]) -> Tokenizer {
        let entries = [
            ("tokenizer.ggml.model", Value::String(family.into())),
            ("tokenizer.ggml.tokens", Value::Array(tokens.iter().map(|(t, _)| Value::String((*t).into())).collect())),
            ("tokenizer.ggml.token_type", Value::Array(tokens.iter().map(|(_, k)| Value::I32(*k as i32)).collect())),
            ("tokenizer.ggml.scores", Value::Array(tokens.iter().map(|_| Value::F32(0.0)).collect())),
            ("tokenizer.ggml.merges", Value::Array(Vec::new())),
        ];
        Tokenizer::read(&Metadata(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())).unwrap()
    }

    #[test]
    fn user_defined_tokens_are_text_where_a_model_writes_them_and_no_part_of_what_a_user_says() {
        let gemma = vocabulary("llama", &[("a", 1), ("\n\n", kind::USER_DEFINED), ("▁▁", kind::USER_DEFINED)]);
        assert_eq!((gemma.bytes(1), gemma.bytes(2)), (&b"\n\n"[..], &b"  "[..]));
        assert!(!gemma.text("\n\n").unwrap().contains(&1));
        let qwen = vocabulary("gpt2", &[("é", kind::USER_DEFINED), ("<b>", kind::USER_DEFINED)]);
        assert_eq!((qwen.bytes(0), qwen.bytes(1)), ("é".as_bytes(), &b"<b>"[..]));
    }

    #[test]
    fn control_tokens_have_no_text_but_those_around_thoughts() {
        let controls = ["<|im_end|>", "<think>", "</think>"].map(|name| (name, kind::CONTROL));
        let tokenizer = vocabulary("llama", &[&controls[..], &[("<unk>", kind::UNKNOWN)]].concat());
        let written: Vec<&[u8]> = (0..4).map(|id| tokenizer.bytes(id)).collect();
        assert_eq!(written, [&b""[..], b"<think>", b"</think>", b""]);
    }
}
